// The edits: four plain operations on the definition, each with its inverse. What a person does (see operations.ts) is made of these, and nothing else
// changes a definition: so undo is nothing but the inverse.
import type { Definition } from "./definition";
import { type Json, type Path, valueAt, withValueAt } from "./json";

export type Edit =
  /** Another value at a place; undefined stands for "not there". */
  | { kind: "set"; path: Path; before: Json | undefined; after: Json | undefined }
  | { kind: "insert"; list: Path; index: number; items: Json[] }
  | { kind: "remove"; list: Path; index: number; items: Json[] }
  /** Several, one after the other, that are undone as one. */
  | { kind: "batch"; edits: Edit[] };

function withList(definition: Definition, path: Path, change: (list: Json[]) => void): Definition {
  const found = valueAt(definition, path);
  const list = Array.isArray(found) ? found.slice() : [];
  change(list);
  // A definition stays one: only what is inside of it is replaced.
  return withValueAt(definition, path, list) as Definition;
}

export function apply(definition: Definition, edit: Edit): Definition {
  switch (edit.kind) {
    case "set":
      return withValueAt(definition, edit.path, edit.after) as Definition;
    case "insert":
      return withList(definition, edit.list, (list) => void list.splice(edit.index, 0, ...edit.items));
    case "remove":
      return withList(definition, edit.list, (list) => void list.splice(edit.index, edit.items.length));
    case "batch":
      return edit.edits.reduce(apply, definition);
  }
}

export function invert(edit: Edit): Edit {
  switch (edit.kind) {
    case "set":
      return { kind: "set", path: edit.path, before: edit.after, after: edit.before };
    case "insert":
      return { ...edit, kind: "remove" };
    case "remove":
      return { ...edit, kind: "insert" };
    case "batch":
      return { kind: "batch", edits: edit.edits.map(invert).reverse() };
  }
}
