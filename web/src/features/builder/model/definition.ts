// The definition of a workflow as the server keeps it. Only what the builder itself looks at is typed; everything else passes through untouched,
// so that a newer server's fields survive an edit.
import { isObject, type Json, type JsonObject, type Path, valueAt } from "./json";

export type Step = JsonObject & {
  type: string;
  id?: string;
  name?: string;
  config?: JsonObject;
  critical?: boolean;
  disabled?: boolean;
  timeoutMs?: number;
};

export type Definition = JsonObject & {
  name: string;
  description?: string | null;
  trigger_event: string;
  trigger_config?: JsonObject;
  conditions?: Json[];
  actions?: Json[];
};

/** What a record of the API has beside the definition in it. */
const RECORD_FIELDS = new Set([
  "id", "tenant_id", "key", "is_active", "published_version", "has_draft", "draft", "execution_count", "success_count", "failure_count", "unmatched_count",
  "last_executed_at", "average_duration_ms", "created_at", "updated_at", "created_by", "updated_by", "version", "archived_at", "problems", "hook_url",
]);

/** The definition that is edited: the draft, else what is published. */
export function definitionOf(record: JsonObject): Definition {
  const source = isObject(record.draft) ? record.draft : record;
  // What is not set comes as null, or as an empty list: here it is simply not there, as in what is sent.
  const isSet = (key: string, value: Json | undefined): boolean => value !== null && !(key === "onFailure" && Array.isArray(value) && value.length === 0);
  const entries = Object.entries(source).filter(([key, value]) => (source !== record || !RECORD_FIELDS.has(key)) && isSet(key, value));
  const kept: JsonObject = Object.fromEntries(entries);
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
