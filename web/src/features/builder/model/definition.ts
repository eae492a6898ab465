// The definition of a workflow as the server keeps it. Only what the builder itself looks at is typed; everything else passes through untouched,
// so that a newer server's fields survive an edit.
import { definitionOf as definitionIn } from "../../../api/definition";
import { isObject, type Json, type JsonObject, type Path, valueAt } from "./json";

export type Step = JsonObject & {
  type: string;
  id?: string;
  name?: string;
  config?: JsonObject;
  critical?: boolean;
  disabled?: boolean;
  timeoutMs?: number | string;
};

export type Definition = JsonObject & {
  name: string;
  description?: string | null;
  trigger_event: string;
  trigger_config?: JsonObject;
  conditions?: Json[];
  actions?: Json[];
};

/** The definition that is edited: the draft, else what is published. */
export function definitionOf(record: JsonObject): Definition {
  const kept = definitionIn(record) as JsonObject;
  return {
    ...kept,
    name: typeof kept.name === "string" ? kept.name : "",
    trigger_event: typeof kept.trigger_event === "string" ? kept.trigger_event : "",
  };
}

export function isStep(value: Json | undefined): value is Step {
  return isObject(value) && typeof value.type === "string";
}

/** The list of steps at a path, empty when there is none. */
export function stepsAt(definition: Definition, list: Path): Step[] {
  const found = valueAt(definition, list);
  return Array.isArray(found) ? found.filter(isStep) : [];
}
