// The canvas, derived from the definition: `toGraph(definition)` says what is drawn and where. A tree needs no layout library: a list runs
// downwards, the lists of a step stand side by side under it, and each is as wide as what it holds.
import { type Definition, isStep, type Step } from "./definition";
import { type Json, type Path, pathText, valueAt } from "./json";
import { type ListKind, type NestedList, nestedLists } from "./lists";
import type { Gap } from "./operations";
import { texts } from "./texts";

export type GraphNode = { id: string; x: number; y: number; width: number; height: number } & (
  | { kind: "trigger" }
  | { kind: "conditions" }
  | { kind: "step"; step: Step; path: Path; number: number }
  /** A "+": where a step can go. */
  | { kind: "gap"; gap: Gap; empty: boolean }
  /** What a list inside a step is called, above it. */
  | { kind: "label"; label: string; list: ListKind; conditions: Json[] | undefined; /** The node of the step whose list it is. */ owner: string | undefined }
  /** Behind a step that holds others. */
  | { kind: "frame"; label: string }
  | { kind: "end"; label: string }
);

export type GraphEdge = { id: string; from: string; to: string };
export type Graph = { nodes: GraphNode[]; edges: GraphEdge[]; width: number; height: number };

export const NODE_WIDTH = 280;
export const NODE_HEIGHT = 72;
const GAP_SIZE = 28;
/** From a node to its "+", and from there to the next. */
const BETWEEN = 14;
const LABEL_HEIGHT = 30;
const LABEL_WIDTH = 220;
const END_WIDTH = 120;
const END_HEIGHT = 32;
const COLUMN_SPACE = 28;
const FRAME_PADDING = 20;

type Column = { nested: NestedList; steps: Step[]; size: Size };
type Size = { width: number; height: number; columns: Column[] };

const GAP_PITCH = BETWEEN + GAP_SIZE + BETWEEN;

function stepSize(step: Step): Size {
  const lists = nestedLists(step);
  if (lists.length === 0) return { width: NODE_WIDTH, height: NODE_HEIGHT, columns: [] };
  const columns = lists.map((nested): Column => {
    const found = valueAt(step, nested.path);
    const steps = Array.isArray(found) ? found.filter(isStep) : [];
    return { nested, steps, size: { ...listSize(steps), columns: [] } };
  });
  const inner = columns.reduce((sum, { size }) => sum + size.width, 0) + COLUMN_SPACE * (columns.length - 1);
  const tallest = Math.max(...columns.map(({ size }) => size.height));
  return {
    width: Math.max(NODE_WIDTH, inner) + 2 * FRAME_PADDING,
    height: FRAME_PADDING + NODE_HEIGHT + BETWEEN * 2 + LABEL_HEIGHT + tallest + FRAME_PADDING,
    columns,
  };
}

function listSize(steps: readonly Step[]): { width: number; height: number } {
  let width = NODE_WIDTH;
  let height = GAP_PITCH;
  for (const step of steps) {
    const size = stepSize(step);
    width = Math.max(width, size.width);
    height += size.height + GAP_PITCH;
  }
  return { width, height };
}

export function gapId(gap: Gap): string {
  return `gap:${pathText(gap.list)}:${gap.index}`;
}

export function nodeIdOf(step: Step, path: Path): string {
  return step.id === undefined ? `step@${pathText(path)}` : `step:${step.id}`;
}

export function toGraph(definition: Definition): Graph {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  let number = 0;

  const join = (from: string[], to: string): void => {
    for (const start of from) edges.push({ id: `${start}>${to}`, from: start, to });
  };

  /** Draws a list from a middle line and a top; gives the last node, from which it goes on. */
  const drawList = (steps: readonly Step[], list: Path, middle: number, top: number, from: string[]): string[] => {
    let y = top + BETWEEN;
    let ends = from;
    for (let index = 0; index <= steps.length; index += 1) {
      const gap: Gap = { list, index };
      const id = gapId(gap);
      nodes.push({ kind: "gap", id, gap, empty: steps.length === 0, x: middle - GAP_SIZE / 2, y, width: GAP_SIZE, height: GAP_SIZE });
      join(ends, id);
      ends = [id];
      y += GAP_SIZE + BETWEEN;
      const step = steps[index];
      if (step) {
        const size = stepSize(step);
        ends = drawStep(step, [...list, index], size, middle, y, ends);
        y += size.height + BETWEEN;
      }
    }
    return ends;
  };

  const drawStep = (step: Step, path: Path, size: Size, middle: number, top: number, from: string[]): string[] => {
    const id = nodeIdOf(step, path);
    const inside = size.columns.length > 0;
    if (inside) nodes.push({ kind: "frame", id: `frame:${id}`, label: id, x: middle - size.width / 2, y: top, width: size.width, height: size.height });
    number += 1;
    const y = inside ? top + FRAME_PADDING : top;
    nodes.push({ kind: "step", id, step, path, number, x: middle - NODE_WIDTH / 2, y, width: NODE_WIDTH, height: NODE_HEIGHT });
    join(from, id);
    if (!inside) return [id];
    const inner = size.columns.reduce((sum, column) => sum + column.size.width, 0) + COLUMN_SPACE * (size.columns.length - 1);
    let left = middle - inner / 2;
    const labelTop = y + NODE_HEIGHT + BETWEEN * 2;
    const ends: string[] = [];
    for (const { nested, steps, size: column } of size.columns) {
      const list = [...path, ...nested.path];
      const center = left + column.width / 2;
      const labelId = `label:${pathText(list)}`;
      nodes.push({ kind: "label", id: labelId, label: nested.label, list: nested.kind, conditions: nested.conditions, owner: id, x: center - LABEL_WIDTH / 2, y: labelTop, width: LABEL_WIDTH, height: LABEL_HEIGHT });
      join([id], labelId);
      const last = drawList(steps, list, center, labelTop + LABEL_HEIGHT, [labelId]);
      if (nested.kind !== "handler") ends.push(...last);
      left += column.width + COLUMN_SPACE;
    }
    // A step with nothing but a handler goes on from itself.
    return ends.length > 0 ? ends : [id];
  };

  const roots = stepsOf(definition, ["actions"]);
  const size = listSize(roots);
  const middle = size.width / 2;
  nodes.push({ kind: "trigger", id: "trigger", x: middle - NODE_WIDTH / 2, y: 0, width: NODE_WIDTH, height: NODE_HEIGHT });
  nodes.push({ kind: "conditions", id: "conditions", x: middle - NODE_WIDTH / 2, y: NODE_HEIGHT + 2 * BETWEEN, width: NODE_WIDTH, height: NODE_HEIGHT });
  join(["trigger"], "conditions");
  const top = 2 * NODE_HEIGHT + 2 * BETWEEN;
  const ends = drawList(roots, ["actions"], middle, top, ["conditions"]);
  const bottom = top + size.height;
  nodes.push({ kind: "end", id: "end", label: texts.lists.end, x: middle - END_WIDTH / 2, y: bottom, width: END_WIDTH, height: END_HEIGHT });
  join(ends, "end");
  let width = size.width;

  if (Array.isArray(definition.onFailure)) {
    const failure = stepsOf(definition, ["onFailure"]);
    const column = listSize(failure);
    const left = size.width + 3 * COLUMN_SPACE;
    const center = left + column.width / 2;
    nodes.push({ kind: "label", id: "label:onFailure", label: texts.lists.ifTheRunFails, list: "handler", conditions: undefined, owner: undefined, x: center - LABEL_WIDTH / 2, y: NODE_HEIGHT + 2 * BETWEEN, width: LABEL_WIDTH, height: LABEL_HEIGHT });
    drawList(failure, ["onFailure"], center, NODE_HEIGHT + 2 * BETWEEN + LABEL_HEIGHT, ["label:onFailure"]);
    width = left + column.width;
  }
  return { nodes, edges, width, height: bottom + END_HEIGHT };
}

function stepsOf(definition: Definition, list: Path): Step[] {
  const found = valueAt(definition, list);
  return Array.isArray(found) ? found.filter(isStep) : [];
}
