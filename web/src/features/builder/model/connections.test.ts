import { expect, test } from "vitest";
import type { JsonSchema } from "../../../forms/schema";
import { withConnection } from "./connections";

const schema: JsonSchema = { type: "object", properties: { integration: { type: "string" }, action: { type: "string", description: "What to do." }, payload: { type: ["object", "null"], description: "The data." } }, required: ["integration", "action"] };
const message: JsonSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"], additionalProperties: false };
const providers = [{ name: "slack", title: "Slack", operations: [{ name: "send_message", title: "Send a message", description: "To a channel.", schema: message }] }];
const connections = [{ name: "care", provider: "slack", actions: ["send_message"] }, { name: "own", provider: "rest", actions: ["score"] }];
const of = (config: Record<string, string>) => withConnection(schema, config, connections, providers).properties;

test("the action is chosen from what the connection has, and the payload has the action's fields", () => {
  expect(of({ integration: "care" })).toMatchObject({ action: { enum: ["send_message"], description: "What to do." }, payload: { description: "The data." } });
  expect(of({ integration: "slack", action: "send_message" })).toMatchObject({ action: { description: "To a channel." }, payload: { title: "Send a message", properties: { text: { type: "string" } } } });
  expect(of({ integration: "own", action: "score" })).toMatchObject({ action: { enum: ["score"] }, payload: schema.properties?.["payload"] ?? {} });
});

test("what is not known stays free text", () => {
  expect(of({ integration: "nowhere", action: "x" })).toBe(schema.properties);
  expect(of({ integration: "care", action: "{{vars.what}}" })?.["action"]).not.toHaveProperty("enum");
});
