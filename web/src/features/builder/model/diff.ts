// What is different between two definitions, step by step: for the history, and when two people changed one draft.
import type { Definition, Step } from "./definition";
import { isObject, type Json, type JsonObject, pathText, type Path, sameJson, withValueAt } from "./json";
import { nestedLists, places } from "./lists";

export type Difference =
  | { kind: "field"; where: string; before: Json | undefined; after: Json | undefined }
  | { kind: "added" | "removed" | "moved"; step: Step }
  | { kind: "changed"; step: Step; fields: { path: string; before: Json | undefined; after: Json | undefined }[] };

function leaves(before: Json | undefined, after: Json | undefined, path: Path = []): { path: string; before: Json | undefined; after: Json | undefined }[] {
  if (sameJson(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => leaves(before[key], after[key], [...path, key]));
  }
  return [{ path: pathText(path), before, after }];
}

/** A step without the steps that it holds: those are compared by themselves. */
function alone(step: Step): JsonObject {
  return nestedLists(step).reduce<JsonObject>((rest, { path }) => withValueAt(rest, path, undefined) as JsonObject, step);
}

export function compare(before: Definition, after: Definition): Difference[] {
  const found: Difference[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === "actions" || key === "onFailure" || sameJson(before[key], after[key])) continue;
    found.push({ kind: "field", where: key, before: before[key], after: after[key] });
  }
  const old = new Map(places(before).map((item) => [item.step.id ?? pathText(item.path), item]));
  const current = new Map(places(after).map((item) => [item.step.id ?? pathText(item.path), item]));
  for (const [id, item] of old) if (!current.has(id)) found.push({ kind: "removed", step: item.step });
  // The order of those that both have: a step that is before another one it was behind was moved.
  const kept = [...old.keys()].filter((id) => current.has(id));
  const order = new Map(kept.map((id, index) => [id, index]));
  let furthest = -1;
  for (const [id, item] of current) {
    const was = old.get(id);
    if (!was) {
      found.push({ kind: "added", step: item.step });
      continue;
    }
    const fields = leaves(alone(was.step), alone(item.step));
    if (fields.length > 0) found.push({ kind: "changed", step: item.step, fields });
    const index = order.get(id) ?? 0;
    if (index < furthest || was.list.length !== item.list.length) found.push({ kind: "moved", step: item.step });
    furthest = Math.max(furthest, index);
  }
  return found;
}
