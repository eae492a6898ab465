// What the builder asks the server for. Few calls, each with the shape that the builder reads.
import { tellSignedOut } from "../../api/client";
import { texts } from "../../api/texts";
import type { OperatorInfo } from "./model/conditions";
import type { ActionInfo } from "./model/catalogue";
import type { Connection, Provider } from "./model/connections";
import type { Definition } from "./model/definition";
import type { Json, JsonObject } from "./model/json";
import type { Problem } from "./model/problems";
import type { Question } from "./model/variables";

export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Problem[],
  ) {
    super(message);
  }
}

export type WorkflowRecord = JsonObject & {
  id: number;
  name: string;
  version: number;
  is_active: boolean;
  published_version: number;
  has_draft: boolean;
  problems?: Json[];
};
export type Form = { id: number; name: string; questions: Question[] };
export type Submission = { id: number; form_id: number; contact_id: number | null; data: JsonObject; submitted_at: string | null };
export type VersionSummary = { number: number; name: string; note: string | null; is_published: boolean; created_at: string; author: string | null };
export type Execution = JsonObject & { id: number; trigger_event: string; trigger_data: JsonObject; result: JsonObject | null };
export type Verdict = JsonObject;
export type DryRunStep = { stepId: string; type: string; name: string; wouldRun: boolean; config: Json; warnings: string[]; problems: Problem[] };
export type DryRun = { triggerMatches: boolean; conditionsPassed: boolean | null; error: string | null; conditions: Verdict[]; warnings: string[]; actions: DryRunStep[] };
export type Person = { id: number; name: string | null; email: string };

type Answer<T> = { data: T; error?: { code: string; message: string; details?: Problem[] } };

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(path, {
    method,
    credentials: "same-origin",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json().catch(() => ({}))) as Partial<Answer<T>>;
  if (response.status === 401) tellSignedOut();
  if (!response.ok || answer.data === undefined) {
    throw new ApiFailure(response.status, answer.error?.code ?? "no_answer", answer.error?.message ?? texts.noReason(response.status), answer.error?.details ?? []);
  }
  return answer.data;
}

export const api = {
  workflow: (id: number) => ask<WorkflowRecord>("GET", `/api/workflows/${id}`),
  saveDraft: (id: number, definition: Definition, version: number) => ask<WorkflowRecord>("PUT", `/api/workflows/${id}?draft=true`, { ...definition, version }),
  validate: (definition: Definition) => ask<{ problems: Problem[] }>("POST", "/api/workflows/validate", definition),
  /** When the clock would start a workflow with this trigger. */
  nextTimes: async (config: JsonObject) => {
    const { problems, nextTimes } = await ask<{ problems: Problem[]; nextTimes?: string[] }>("POST", "/api/workflows/validate", { name: "-", trigger_event: "schedule", trigger_config: config, actions: [] });
    return { valid: !problems.some(({ path }) => path.startsWith("trigger_config")), nextTimes: nextTimes ?? [] };
  },
  rotateHook: (id: number) => ask<WorkflowRecord>("POST", `/api/workflows/${id}/rotate-hook`),
  publish: (id: number, note: string, version: number) => ask<WorkflowRecord>("POST", `/api/workflows/${id}/publish`, { ...(note === "" ? {} : { note }), version }),
  discardDraft: (id: number) => ask<WorkflowRecord>("DELETE", `/api/workflows/${id}/draft`),
  setActive: (id: number, active: boolean) => ask<WorkflowRecord>("POST", `/api/workflows/${id}/${active ? "activate" : "deactivate"}`),
  test: (id: number, definition: Definition, triggerData: JsonObject) => ask<DryRun>("POST", `/api/workflows/${id}/test`, { triggerData, definition }),
  versions: (id: number) => ask<VersionSummary[]>("GET", `/api/workflows/${id}/versions?limit=100`),
  version: (id: number, number: number) => ask<{ definition: Definition }>("GET", `/api/workflows/${id}/versions/${number}`),
  /** Everything that can be a step: the actions, and the control steps with their group last. */
  steps: async () => (await Promise.all([ask<ActionInfo[]>("GET", "/api/actions"), ask<ActionInfo[]>("GET", "/api/control-steps")])).flat(),
  operators: () => ask<OperatorInfo[]>("GET", "/api/operators"),
  forms: () => ask<Form[]>("GET", "/api/forms?limit=200"),
  submissions: (formId: number | undefined) => ask<Submission[]>("GET", `/api/submissions?limit=20&status=completed${formId === undefined ? "" : `&formId=${formId}`}`),
  contact: (id: number) => ask<JsonObject>("GET", `/api/contacts/${id}`),
  executions: (workflowId: number) => ask<Execution[]>("GET", `/api/workflow-executions?workflowId=${workflowId}&limit=20`),
  people: () => ask<Person[]>("GET", "/api/users?limit=200"),
  connections: () => ask<Connection[]>("GET", "/api/integrations?limit=200"),
  providers: () => ask<Provider[]>("GET", "/api/providers"),
  session: () => ask<{ role: "admin" | "editor" | "viewer" }>("GET", "/api/session"),
};
