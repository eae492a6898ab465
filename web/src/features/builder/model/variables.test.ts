import { expect, test } from "vitest";
import type { Definition } from "./definition";
import type { Path } from "./json";
import { variablesAt } from "./variables";

const definition = (trigger_event: string): Definition => ({
  name: "A",
  trigger_event,
  actions: [
    { id: "s1", type: "approval", config: { title: "May it?", form: [{ key: "amount", type: "number", label: "How much?" }, { key: "why", type: "text", label: "" }, {}], onApproved: [{ id: "s2", type: "stop", config: {} }] } },
    { id: "s3", type: "webhook", config: {}, onError: [{ id: "s4", type: "stop", config: {} }] },
  ],
  onFailure: [{ id: "s5", type: "stop", config: {} }],
});
const at = (event: string, path: Path): string[] => variablesAt(definition(event), path, { questions: [], outputs: {} }, []).map((variable) => variable.path);

test("what a trigger brings is offered before it has ever come", () => {
  expect(at("schedule", ["actions", 0])).toContain("schedule.scheduledFor");
  expect(at("webhook", ["actions", 0])).toEqual(expect.arrayContaining(["body", "headers", "query", "method"]));
  expect(at("execution_failed", ["actions", 0])).toEqual(expect.arrayContaining(["failure.error", "failure.executionId"]));
});

test("an approval gives its decision and an answer to each of its questions", () => {
  const found = variablesAt(definition("manual"), ["actions", 1], { questions: [], outputs: {} }, []).filter(({ path }) => path.startsWith("steps.s1"));
  expect(found.map(({ path, label, type }) => [path, label, type])).toEqual([
    ["steps.s1.output.decision", "The decision", "text"],
    ["steps.s1.output.by", "Who decided", "list"],
    ["steps.s1.output.comment", "The comment", "text"],
    ["steps.s1.output.form.amount", "How much?", "number"],
    ["steps.s1.output.form.why", "Why", "text"],
  ]);
});

test("the error is known where a failure is looked after, and nowhere else", () => {
  expect(at("manual", ["actions", 1, "onError", 0])).toContain("error");
  expect(at("manual", ["onFailure", 0])).toContain("error.message");
  expect([...at("manual", ["actions", 1]), ...at("manual", ["actions", 0, "config", "onApproved", 0])].filter((path) => path.startsWith("error"))).toEqual([]);
});
