// What a step can do with a connected system: which fields its payload has, by the connection that is chosen and what is to be done with it.
import { flattened, type JsonSchema } from "../../../forms/schema";
import { isObject, type Json, type JsonObject } from "./json";

export type Connection = { name: string; provider: string; actions: readonly string[] };
export type Provider = { name: string; title: string; operations: readonly { name: string; title: string; description: string; schema: JsonSchema }[] };

/** The connection that a step means: by its name, or by its provider when there is just one of it. */
export function connectionOf(named: Json | undefined, connections: readonly Connection[]): Connection | undefined {
  const byName = connections.find(({ name }) => name === named);
  const ofProvider = connections.filter(({ provider }) => provider === named);
  return byName ?? (ofProvider.length === 1 ? ofProvider[0] : undefined);
}

/**
 * A step's schema with what is known of its connection: the action is chosen from those that the connection has, and the payload has the fields of that action.
 * What is not known (no such connection, an action of one's own, a template) is written as before.
 */
export function withConnection(schema: JsonSchema, config: JsonObject, connections: readonly Connection[], providers: readonly Provider[]): JsonSchema {
  const { integration, action, payload } = schema.properties ?? {};
  const connection = connectionOf(config.integration, connections);
  if (!integration || !action || !payload || !connection) return schema;
  const operations = providers.find(({ name }) => name === connection.provider)?.operations ?? [];
  const operation = operations.find(({ name }) => name === config.action);
  const isKnown = typeof config.action !== "string" || config.action === "" || connection.actions.includes(config.action);
  return {
    ...schema,
    properties: {
      ...schema.properties,
      integration,
      action: { ...action, ...(connection.actions.length > 0 && isKnown ? { enum: [...connection.actions] } : {}), ...(operation ? { description: operation.description } : {}) },
      payload: operation ? { ...flattened(operation.schema), type: "object", title: operation.title } : payload,
    },
    // With an action whose fields are known they are to be filled in.
    ...(operation && (operation.schema.required?.length ?? 0) > 0 && !isObject(config.payload) ? { required: [...(schema.required ?? []), "payload"] } : {}),
  };
}
