// What a person does to a workflow, as edits. Each function looks at the definition and gives the edit, or nothing when it would change nothing.
import { type Definition, isStep, type Step } from "./definition";
import { apply, type Edit } from "./edit";
import { isObject, type Json, type JsonObject, type Path, sameJson, samePath, startsWith, valueAt } from "./json";
import { type Place, placeOf, places } from "./lists";

/** A gap between steps. */
export type Gap = { list: Path; index: number };

export function setValue(definition: Definition, path: Path, after: Json | undefined): Edit | undefined {
  const before = valueAt(definition, path);
  return sameJson(before, after) ? undefined : { kind: "set", path, before, after };
}

/** Several values at once, undone as one. */
export function setValues(definition: Definition, values: readonly [path: Path, after: Json | undefined][]): Edit | undefined {
  const edits = values.flatMap(([path, after]) => setValue(definition, path, after) ?? []);
  return edits.length === 0 ? undefined : { kind: "batch", edits };
}

export function insertSteps(definition: Definition, gap: Gap, steps: Step[]): Edit | undefined {
  if (steps.length === 0) return undefined;
  return valueAt(definition, gap.list) === undefined
    ? { kind: "set", path: gap.list, before: undefined, after: steps }
    : { kind: "insert", list: gap.list, index: gap.index, items: steps };
}

/** The chosen steps in reading order, without those that are inside another chosen one. */
export function chosen(definition: Definition, ids: ReadonlySet<string>): Place[] {
  const all = places(definition).filter(({ step }) => step.id !== undefined && ids.has(step.id));
  return all.filter((place) => !all.some((other) => other !== place && startsWith(place.path, other.path)));
}

function removal(place: Place): Edit {
  return { kind: "remove", list: place.list, index: place.index, items: [place.step] };
}

export function removeSteps(definition: Definition, ids: ReadonlySet<string>): Edit | undefined {
  const found = chosen(definition, ids);
  if (found.length === 0) return undefined;
  // From the last to the first, so that the places before stay where they are.
  return { kind: "batch", edits: found.toReversed().map(removal) };
}

/** Where a path is after one step was taken out before it; undefined when it was in that step. */
function afterRemoval(path: Path, place: Place): Path | undefined {
  if (!startsWith(path, place.list) || path.length === place.list.length) return path;
  const index = path[place.list.length];
  if (typeof index !== "number" || index < place.index) return path;
  if (index === place.index) return undefined;
  return [...place.list, index - 1, ...path.slice(place.list.length + 1)];
}

export function moveSteps(definition: Definition, ids: ReadonlySet<string>, gap: Gap): Edit | undefined {
  const found = chosen(definition, ids);
  let list: Path | undefined = gap.list;
  let index = gap.index;
  const edits: Edit[] = [];
  for (const place of found.toReversed()) {
    edits.push(removal(place));
    if (samePath(list, place.list)) {
      if (place.index < index) index -= 1;
    } else {
      list = afterRemoval(list, place);
      // A step does not go into itself.
      if (!list) return undefined;
    }
  }
  if (found.length === 0) return undefined;
  const without = edits.reduce(apply, definition);
  const insert = insertSteps(without, { list, index }, found.map(({ step }) => step));
  if (!insert) return undefined;
  const edit: Edit = { kind: "batch", edits: [...edits, insert] };
  return sameJson(apply(definition, edit), definition) ? undefined : edit;
}

/** One place up or down in its own list. */
export function nudgeStep(definition: Definition, id: string, by: -1 | 1): Edit | undefined {
  const place = placeOf(definition, id);
  if (!place) return undefined;
  const length = (valueAt(definition, place.list) as Json[]).length;
  const target = by === -1 ? place.index - 1 : place.index + 2;
  if (target < 0 || target > length) return undefined;
  return moveSteps(definition, new Set([id]), { list: place.list, index: target });
}

/** Every id in a value that holds steps. */
function idsIn(value: Json | undefined, found: Set<string>): Set<string> {
  if (Array.isArray(value)) for (const item of value) idsIn(item, found);
  else if (isObject(value)) {
    if (isStep(value) && value.id !== undefined) found.add(value.id);
    for (const item of Object.values(value)) idsIn(item, found);
  }
  return found;
}

/** An id that no step has. */
export function freshId(taken: ReadonlySet<string>): string {
  let number = 1;
  while (taken.has(`s${number}`)) number += 1;
  return `s${number}`;
}

/**
 * Copies for this definition: ids that are taken are replaced, also where the copies speak of each other (`{{steps.s1.output.ticketId}}`).
 */
export function copiesFor(definition: Definition, steps: Step[]): Step[] {
  const taken = idsIn(definition, new Set());
  const renamed = new Map<string, string>();
  for (const id of idsIn(steps, new Set())) {
    const next = taken.has(id) ? freshId(taken) : id;
    if (next !== id) renamed.set(id, next);
    taken.add(next);
  }
  const copy = (value: Json | undefined): Json | undefined => {
    if (typeof value === "string") return value.replace(/\bsteps\.([A-Za-z0-9_-]+)/g, (text, id: string) => (renamed.has(id) ? `steps.${renamed.get(id)}` : text));
    if (Array.isArray(value)) return value.map((item) => copy(item) ?? null);
    if (!isObject(value)) return value;
    const object: JsonObject = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)]));
    if (isStep(object)) {
      if (object.id === undefined) {
        object.id = freshId(taken);
        taken.add(object.id);
      } else object.id = renamed.get(object.id) ?? object.id;
    }
    return object;
  };
  return steps.map((step) => copy(step) as Step);
}

/** Pastes steps into a gap; the edit, and the ids of what was pasted. */
export function pasteSteps(definition: Definition, gap: Gap, steps: Step[]): { edit: Edit; ids: string[] } | undefined {
  const copies = copiesFor(definition, steps);
  const edit = insertSteps(definition, gap, copies);
  return edit && { edit, ids: copies.flatMap(({ id }) => (id === undefined ? [] : [id])) };
}

/** Copies behind the last of the chosen ones. */
export function duplicateSteps(definition: Definition, ids: ReadonlySet<string>): { edit: Edit; ids: string[] } | undefined {
  const found = chosen(definition, ids);
  const last = found.at(-1);
  return last && pasteSteps(definition, { list: last.list, index: last.index + 1 }, found.map(({ step }) => step));
}

/** Sets a field of several steps at once; undefined takes it away. */
export function setOfSteps(definition: Definition, ids: ReadonlySet<string>, field: string, value: Json | undefined): Edit | undefined {
  const edits = places(definition)
    .filter(({ step }) => step.id !== undefined && ids.has(step.id))
    .flatMap(({ path }) => setValue(definition, [...path, field], value) ?? []);
  return edits.length === 0 ? undefined : { kind: "batch", edits };
}

/** The whole definition becomes another one: a version that is restored, somebody else's draft that is taken. */
export function replaceAll(definition: Definition, next: Definition): Edit | undefined {
  return sameJson(definition, next) ? undefined : { kind: "set", path: [], before: definition, after: next };
}
