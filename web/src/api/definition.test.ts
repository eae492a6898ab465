import { expect, it } from "vitest";
import { definitionOf } from "./definition";

const rules = { enrolment: { policy: "once" }, concurrency: { limit: 1, behavior: "queue" }, onFailure: [{ type: "stop", id: "s2", config: {} }] };
const published = { name: "A", trigger_event: "x", actions: [{ type: "stop", id: "s1", config: {} }], logUnmatched: false, ofTomorrow: { kept: true }, ...rules };

it("keeps every rule of a workflow, and nothing of its record", () => {
  const record = { ...published, debounce: null, goal: null, id: 1, tenant_id: 1, key: "a", version: 3, is_active: true, has_draft: false, draft: null, problems: null, hook_url: null };
  expect(definitionOf(record)).toEqual(published);
  expect(definitionOf(published)).toEqual(published);
});

it("prefers the draft", () => {
  expect(definitionOf({ ...published, id: 1, draft: { name: "B", trigger_event: "y", onFailure: [], goal: null } })).toEqual({ name: "B", trigger_event: "y" });
});
