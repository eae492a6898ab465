// Undo and redo without limit. A pure state: time comes in with each edit, so that quick typing in one field is one step back.
import type { Definition } from "./definition";
import { apply, type Edit, invert } from "./edit";
import { type Json, samePath } from "./json";

export type Entry = { label: string; edit: Edit; at: number };
export type History = { definition: Definition; done: readonly Entry[]; undone: readonly Entry[]; revision: number };

/** Edits of the same field within this many milliseconds are undone together. */
const TYPING = 1_000;

function isTyped(value: Json | undefined): boolean {
  return typeof value === "string" || typeof value === "number";
}

export function start(definition: Definition): History {
  return { definition, done: [], undone: [], revision: 0 };
}

export function perform(history: History, label: string, edit: Edit, now: number): History {
  const definition = apply(history.definition, edit);
  const last = history.done.at(-1);
  const entry: Entry =
    last && last.edit.kind === "set" && edit.kind === "set" && isTyped(edit.after) && samePath(last.edit.path, edit.path) && now - last.at < TYPING
      ? { label, edit: { ...edit, before: last.edit.before }, at: now }
      : { label, edit, at: now };
  const done = last && entry.edit !== edit ? history.done.slice(0, -1) : history.done;
  return { definition, done: [...done, entry], undone: [], revision: history.revision + 1 };
}

export function undo(history: History): History {
  const last = history.done.at(-1);
  if (!last) return history;
  return {
    definition: apply(history.definition, invert(last.edit)),
    done: history.done.slice(0, -1),
    // What is undone is over: typing after a redo begins anew.
    undone: [...history.undone, { ...last, at: 0 }],
    revision: history.revision + 1,
  };
}

export function redo(history: History): History {
  const last = history.undone.at(-1);
  if (!last) return history;
  return { definition: apply(history.definition, last.edit), done: [...history.done, last], undone: history.undone.slice(0, -1), revision: history.revision + 1 };
}
