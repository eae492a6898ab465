import { expect, test } from "vitest";
import type { Definition } from "../model/definition";
import { toGraph } from "../model/graph";
import { apply } from "../model/edit";
import { removeSteps, setValue } from "../model/operations";
import { sameNode, shared } from "./sharing";

const definition: Definition = { name: "A", trigger_event: "x", actions: ["s1", "s2", "s3"].map((id) => ({ id, type: "create_ticket", config: { title: id } })) };

test("only the node of a step that changed is another one", () => {
  const before = toGraph(definition).nodes;
  expect(shared(before, toGraph(structuredClone(definition)).nodes.map((node, index) => ({ ...node, ...(node.kind === "step" ? { step: (before[index] as { step: object }).step } : {}) }) as typeof node), sameNode)).toBe(before);
  const edit = setValue(definition, ["actions", 1, "config", "title"], "other");
  const after = shared(before, toGraph(edit ? apply(definition, edit) : definition).nodes, sameNode);
  expect(after.filter((node) => !before.includes(node)).map(({ id }) => id)).toEqual(["step:s2"]);
});

test("a step that moved up is another one, for its place is", () => {
  const before = toGraph(definition).nodes;
  const edit = removeSteps(definition, new Set(["s1"]));
  const after = shared(before, toGraph(edit ? apply(definition, edit) : definition).nodes, sameNode);
  expect(after.filter((node) => !before.includes(node)).map(({ id }) => id)).toEqual(expect.arrayContaining(["step:s2", "step:s3"]));
});
