// What did not change stays the same object, so that a letter typed into one step does not draw hundreds of nodes anew.
import type { GraphNode } from "../model/graph";
import { samePath } from "../model/json";

/** The new list with the old objects where they are equal; the old list itself when all of them are. */
export function shared<Item extends { id: string }>(before: Item[], after: Item[], isSame: (a: Item, b: Item) => boolean): Item[] {
  const known = new Map(before.map((item) => [item.id, item]));
  const list = after.map((item) => {
    const old = known.get(item.id);
    return old && isSame(old, item) ? old : item;
  });
  return list.length === before.length && list.every((item, index) => item === before[index]) ? before : list;
}

/** A gap's place is in its id; everything else is a value, or an object of the definition that is shared as long as it is the same. */
export function sameNode(a: GraphNode, b: GraphNode): boolean {
  if (a.kind === "step" && b.kind === "step" && !samePath(a.path, b.path)) return false;
  return Object.keys(b).every((key) => key === "gap" || key === "path" || Reflect.get(a, key) === Reflect.get(b, key));
}
