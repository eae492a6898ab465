// A run on the canvas: from the journal's rows, how each step went, what is said of it, and which way was taken.
import type { Definition, Step } from "./definition";
import { type Graph, toGraph } from "./graph";
import { isObject, type JsonObject, pathText } from "./json";
import { isLoop, nestedLists, type NestedList, type Place, places } from "./lists";

export type StepState = "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "skipped" | "cancelled" | "met" | "unmet" | "handled" | "stopped";

/** What is read of a row of the journal. */
export type Row = {
  step_id: string;
  step_path: string;
  step_type: string;
  attempt: number;
  status: "pending" | "running" | "completed" | "failed" | "skipped";
  output_data?: unknown;
  resume_at?: string | null | undefined;
};

export type RunStatus = "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "cancelled";

export type Run = {
  states: Record<string, StepState>;
  /** A few words beside the state: rounds, attempts. */
  details: Record<string, string>;
  /** The nodes that the run has passed. */
  taken: Set<string>;
};

const CONDITIONS = "conditions";

/** A completed step behind which nothing ran: its conditions did not hold, or one inside it said so. */
function endedTheRun({ output_data: out }: Row): boolean {
  return isObject(out) && (out.passed === false || typeof out.stoppedAt === "string");
}

function stateOf(row: Row, status: RunStatus): StepState {
  const isOver = status === "completed" || status === "failed" || status === "cancelled";
  switch (row.status) {
    case "completed":
      return endedTheRun(row) ? "stopped" : "completed";
    case "skipped":
      return "skipped";
    case "failed":
      if (isObject(row.output_data) && row.output_data.handled === true) return "handled";
      return !isOver && row.resume_at ? "retrying" : "failed";
    case "pending":
      return isOver ? "cancelled" : row.resume_at ? "waiting" : "pending";
    case "running":
      if (isOver) return "cancelled";
      return row.resume_at || row.step_type === "wait" || row.step_type === "delay" || row.step_type === "approval" ? "waiting" : "running";
  }
}

/** What is told of a step that ran several times: what needs attention first. */
const WEIGHT: StepState[] = ["failed", "retrying", "stopped", "running", "waiting", "pending", "cancelled", "handled", "completed", "skipped"];

function worst(states: readonly StepState[]): StepState {
  return WEIGHT.find((state) => states.includes(state)) ?? "completed";
}

function passed(state: StepState | undefined): boolean {
  return state === "completed" || state === "skipped" || state === "failed" || state === "handled";
}

function output(rows: readonly Row[]): JsonObject {
  const found = rows.findLast(({ output_data }) => isObject(output_data))?.output_data;
  return isObject(found) ? found : {};
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function roundsText(step: Step, out: JsonObject, inner: number): string {
  if (typeof out.iterations === "number") return counted(out.iterations, "round", "rounds");
  if (typeof out.count === "number") return `${counted(out.count, "item", "items")}${typeof out.failed === "number" && out.failed > 0 ? `, ${out.failed} failed` : ""}`;
  return inner > 0 ? (step.type === "repeat" ? counted(inner, "round", "rounds") : counted(inner, "item", "items")) : "";
}

/** How many rounds of a loop have rows: `s4[2].s1` is of round 2, `s4~2[2].s1` of that of its second try. */
function roundsSeen(rows: readonly Row[], paths: ReadonlySet<string>): number {
  const rounds = new Set<string>();
  for (const { step_path } of rows)
    for (const path of paths) {
      const number = step_path.startsWith(path) ? /^(?:~\d+)?\[(\d+)\]/.exec(step_path.slice(path.length))?.[1] : undefined;
      if (number !== undefined) rounds.add(`${path}:${number}`);
    }
  return rounds.size;
}

export function runOf(definition: Definition, rows: readonly Row[], status: RunStatus, graph: Graph = toGraph(definition)): Run {
  const byStep = new Map<string, Row[]>();
  for (const row of rows) byStep.set(row.step_id, [...(byStep.get(row.step_id) ?? []), row]);
  const all = places(definition);
  const states: Record<string, StepState> = {};
  const details: Record<string, string> = {};
  for (const { step } of all) {
    const mine = step.id === undefined ? undefined : byStep.get(step.id);
    if (step.id === undefined || !mine) continue;
    // Each place in the tree is tried on its own: only its last attempt counts, and of steps that were run anew around it their last try.
    const last = new Map(mine.map((row) => [row.step_path.replace(/~\d+/g, ""), row]));
    const found = worst([...last.values()].map((row) => stateOf(row, status)));
    states[step.id] = step.type === "stop" && found === "completed" ? "stopped" : found;
    const attempts = Math.max(...mine.map(({ attempt }) => attempt));
    const rounds = isLoop(step) ? roundsText(step, output(mine), roundsSeen(rows, new Set(mine.map(({ step_path }) => step_path)))) : "";
    const times = last.size > 1 ? `${last.size}×` : "";
    const said = [rounds || times, attempts > 1 ? `${attempts} attempts` : ""].filter(Boolean).join(", ");
    if (said !== "") details[step.id] = said;
  }
  const conditions = byStep.get(CONDITIONS)?.at(-1);
  // A run that was not let begin has a row of its conditions all the same, which nobody has looked at.
  const refused = conditions?.status === "skipped";
  const matched = !refused && (conditions && isObject(conditions.output_data) ? conditions.output_data.result !== false : conditions !== undefined);
  if (conditions) states[CONDITIONS] = conditions.status === "failed" ? "failed" : refused ? "stopped" : matched ? "met" : "unmet";
  return { states, details, taken: takenOf(all, states, byStep, graph, { matched, completed: status === "completed", began: rows.length > 0 }) };
}

/** Whether a list inside a step was gone into. */
function entered(nested: NestedList, rows: readonly Row[], inside: boolean): boolean {
  if (inside) return true;
  if (nested.kind === "handler") return false;
  const out = output(rows);
  const names = [out.taken, out.finished].flatMap((list) => (Array.isArray(list) ? list : []));
  if (names.length > 0) return names.includes(nested.label) || (nested.kind === "else" && names.includes("else"));
  if (typeof out.decision === "string") return nested.path.at(-1) === { approved: "onApproved", rejected: "onRejected", timed_out: "onTimeout" }[out.decision];
  if (typeof out.timedOut === "boolean") return nested.path.at(-1) === (out.timedOut ? "onTimeout" : "actions");
  return false;
}

function takenOf(all: readonly Place[], states: Readonly<Record<string, StepState>>, byStep: ReadonlyMap<string, Row[]>, graph: Graph, run: { matched: boolean; completed: boolean; began: boolean }): Set<string> {
  const taken = new Set<string>();
  if (!run.began) return taken;
  taken.add("trigger").add("conditions");
  const ran = (step: Step | undefined): boolean => step?.id !== undefined && states[step.id] !== undefined;
  const lists = new Set<string>();
  if (run.matched) lists.add(pathText(["actions"]));
  for (const { step, path } of all) {
    if (!ran(step)) continue;
    for (const nested of nestedLists(step)) {
      const list = [...path, ...nested.path];
      const inside = all.some((place) => pathText(place.list) === pathText(list) && ran(place.step));
      if (entered(nested, byStep.get(step.id ?? "") ?? [], inside)) lists.add(pathText(list));
    }
  }
  for (const place of all) if (pathText(place.list) === "onFailure" && ran(place.step)) lists.add("onFailure");
  const stepAt = (list: string, index: number): Step | undefined => all.find((place) => place.index === index && pathText(place.list) === list)?.step;
  const lengthOf = (list: string): number => all.filter((place) => pathText(place.list) === list).length;
  for (const node of graph.nodes) {
    if (node.kind === "step" && ran(node.step)) taken.add(node.id);
    if (node.kind === "label" && lists.has(node.id.replace(/^label:/, ""))) taken.add(node.id);
    if (node.kind === "gap") {
      const list = pathText(node.gap.list);
      if (!lists.has(list)) continue;
      const isLast = node.gap.index === lengthOf(list);
      const before = stepAt(list, node.gap.index - 1);
      if (isLast ? before === undefined || passed(states[before.id ?? ""]) : ran(stepAt(list, node.gap.index))) taken.add(node.id);
    }
  }
  const lastGap = graph.nodes.findLast((node) => node.kind === "gap" && pathText(node.gap.list) === "actions");
  if (run.completed && run.matched && lastGap && taken.has(lastGap.id)) taken.add("end");
  return taken;
}
