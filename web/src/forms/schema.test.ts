import { expect, test } from "vitest";
import { flattened, type JsonSchema, kindOf, labelOf, wordOf } from "./schema";

test("what may be one thing or another is one field that takes either", () => {
  const join = { anyOf: [{ type: "string", enum: ["all", "any"] }, { type: "integer", minimum: 1 }] };
  expect(kindOf(join)).toBe("suggestion");
  expect(flattened(join)).toMatchObject({ type: ["string", "integer"], examples: ["all", "any"] });
  expect(kindOf({ oneOf: [{ const: "a" }, { const: "b" }] })).toBe("choice");
  expect(kindOf({ anyOf: [{ type: "string" }, { type: "null" }] })).toBe("text");
  const approver: JsonSchema = { anyOf: [{ type: "object", properties: { userId: { type: "integer" } } }, { type: "object", properties: { role: { type: "string" } } }] };
  expect(Object.keys(flattened(approver).properties ?? {})).toEqual(["userId", "role"]);
  expect(kindOf({ type: "array", items: approver })).toBe("rows");
});

test("names of the API read like words", () => {
  expect([wordOf("business_hours"), wordOf("POST"), labelOf("onItemError", {}), labelOf("contactId", {})]).toEqual(["Business hours", "POST", "On item error", "Contact id"]);
});
