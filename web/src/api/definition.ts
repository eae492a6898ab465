import type { Schema } from "./client";

type RecordField = Exclude<keyof Schema<"Workflow">, keyof Schema<"WorkflowDefinition">>;

/** What a workflow's record has beside the definition in it. The compiler asks for each, so that a new one is not sent back as a part of the definition. */
const recordFields: Record<RecordField, true> = {
  id: true, tenant_id: true, key: true, is_active: true, published_version: true, has_draft: true, draft: true, execution_count: true, success_count: true, failure_count: true, unmatched_count: true,
  last_executed_at: true, average_duration_ms: true, created_at: true, updated_at: true, created_by: true, updated_by: true, version: true, archived_at: true, problems: true, hook_url: true,
};

/** What is not set comes as null, or as an empty list: in a definition it is simply not there, as in what is sent. */
function isSet([name, value]: [string, unknown]): boolean {
  return value !== null && value !== undefined && !(name === "onFailure" && Array.isArray(value) && value.length === 0);
}

/** The definition in a record of the API, or one as it is: the draft, else what is published. What this program does not know of it passes through. */
export function definitionOf(record: object): Record<string, unknown> {
  const draft: unknown = Reflect.get(record, "draft");
  const isRecord = typeof draft !== "object" || draft === null;
  return Object.fromEntries(Object.entries(isRecord ? record : draft).filter((entry) => isSet(entry) && !(isRecord && entry[0] in recordFields)));
}
