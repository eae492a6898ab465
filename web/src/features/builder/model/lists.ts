// Which lists of steps a step holds. The shapes are those of the control steps; a list that a type always has is there even when it is still empty. Of a type that
// this file does not know every list of steps is drawn that its config has, and every one that is called as such lists are (`actions`, `else`, `onTimeout`,
// `branches[…].actions`): what the server adds is drawn without a change here.
import { type Definition, isStep, type Step } from "./definition";
import { isObject, type Json, type JsonObject, type Path } from "./json";
import { texts } from "./texts";

export type ListKind = "branch" | "else" | "body" | "handler";

/** A list of steps inside a step. */
export type NestedList = {
  /** From the step to the list. */
  path: Path;
  kind: ListKind;
  label: string;
  /** The conditions of a branch. */
  conditions?: Json[];
};

type Slot = { key: string; kind: ListKind; label: string };

const SLOTS: Record<string, Slot[]> = {
  for_each: [{ key: "actions", kind: "body", label: texts.lists.eachItem }],
  repeat: [{ key: "actions", kind: "body", label: texts.lists.eachRound }],
  wait_for_event: [
    { key: "actions", kind: "branch", label: texts.lists.came },
    { key: "onTimeout", kind: "else", label: texts.lists.tooLate },
  ],
  approval: [
    { key: "onApproved", kind: "branch", label: texts.lists.approved },
    { key: "onRejected", kind: "branch", label: texts.lists.rejected },
    { key: "onTimeout", kind: "else", label: texts.lists.noAnswer },
  ],
};

/** What lists of steps are called in every control step. */
const LIST_NAME = /^(actions|else|on[A-Z]\w*)$/;

function kindOf(key: string): ListKind {
  return key === "else" || key === "onTimeout" ? "else" : key === "actions" ? "body" : "branch";
}

/** `onTimeout` is "On timeout". */
function nameOf(key: string): string {
  const words = key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function branches(config: JsonObject): NestedList[] {
  const found = Array.isArray(config.branches) ? config.branches : [];
  return found.flatMap((branch, index): NestedList[] => {
    if (!isObject(branch)) return [];
    const name = typeof branch.name === "string" && branch.name !== "" ? branch.name : texts.lists.branch(index + 1);
    const path = ["config", "branches", index, "actions"];
    return [{ path, kind: "branch", label: name, ...(Array.isArray(branch.conditions) ? { conditions: branch.conditions } : {}) }];
  });
}

/** Whether the steps inside run once for each round. */
export function isLoop(step: Step): boolean {
  return nestedLists(step).some(({ kind }) => kind === "body");
}

/** The lists of steps inside a step, in the order in which they are drawn. */
export function nestedLists(step: Step): NestedList[] {
  const config = isObject(step.config) ? step.config : {};
  const lists: NestedList[] = [];
  if (step.type === "branch" || step.type === "parallel") {
    lists.push(...branches(config));
    if (step.type === "branch") lists.push({ path: ["config", "else"], kind: "else", label: texts.lists.otherwise });
  } else if (SLOTS[step.type]) {
    for (const { key, kind, label } of SLOTS[step.type] ?? []) lists.push({ path: ["config", key], kind, label });
  } else {
    for (const [key, value] of Object.entries(config)) {
      if (!Array.isArray(value)) continue;
      if (LIST_NAME.test(key) || (value.length > 0 && value.every((item) => isStep(item)))) lists.push({ path: ["config", key], kind: kindOf(key), label: nameOf(key) });
      else if (key === "branches") lists.push(...branches(config));
    }
  }
  if (Array.isArray(step.onError)) lists.push({ path: ["onError"], kind: "handler", label: texts.lists.ifItFails });
  return lists;
}

/** A step with where it is. */
export type Place = { step: Step; list: Path; index: number; path: Path; depth: number };

/** The workflow's own lists: what it does, and what is done when it has finally failed. */
export function rootLists(definition: Definition): Path[] {
  return Array.isArray(definition.onFailure) ? [["actions"], ["onFailure"]] : [["actions"]];
}

/** Every step, in reading order. */
export function places(definition: Definition): Place[] {
  const found: Place[] = [];
  const visit = (steps: Json | undefined, list: Path, depth: number): void => {
    if (!Array.isArray(steps)) return;
    steps.forEach((step, index) => {
      if (!isStep(step)) return;
      const path = [...list, index];
      found.push({ step, list, index, path, depth });
      for (const nested of nestedLists(step)) visit(at(step, nested.path), [...path, ...nested.path], depth + 1);
    });
  };
  for (const list of rootLists(definition)) visit(at(definition, list), list, 0);
  return found;
}

function at(root: JsonObject, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const key of path) value = Array.isArray(value) ? value[Number(key)] : isObject(value) ? value[String(key)] : undefined;
  return value;
}

export function placeOf(definition: Definition, id: string): Place | undefined {
  return places(definition).find((place) => place.step.id === id);
}
