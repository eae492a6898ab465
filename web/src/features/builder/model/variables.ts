// Which variables a step can use: the trigger's data as its form and its last runs show it, what the steps before it give, and what is always there.
import type { Variable } from "../../../forms/variables";
import { type ActionInfo, titleOf } from "./catalogue";
import type { Definition, Step } from "./definition";
import { isObject, type Json, type Path, startsWith, valueAt } from "./json";
import { nestedLists, type Place, places } from "./lists";

export type Question = { key: string; type: string; label: string; options?: string[] };

/** What is known of real data. */
export type Known = {
  questions: readonly Question[];
  /** The trigger data of the last event of this kind. */
  triggerData?: Json | undefined;
  /** Outputs of steps in the last run, by step id. */
  outputs: Readonly<Record<string, Json>>;
};

/** What actions give, for workflows that have not run yet. */
const OUTPUTS: Record<string, readonly [path: string, type: string][]> = {
  create_ticket: [["ticketId", "number"]],
  send_email: [["sent", "boolean"]],
  send_notification: [["notificationId", "number"]],
  update_contact: [["contactId", "number"]],
  webhook: [["status", "number"], ["body", "object"]],
  sync_integration: [["status", "number"], ["body", "object"]],
  branch: [["taken", "list"]],
  for_each: [["count", "number"], ["failed", "number"], ["results", "list"]],
  repeat: [["iterations", "number"], ["satisfied", "boolean"]],
  parallel: [["finished", "list"]],
  wait_for_event: [["timedOut", "boolean"], ["event", "object"]],
  approval: [["decision", "text"], ["comment", "text"]],
  run_workflow: [["executionId", "number"], ["status", "text"], ["result", "object"]],
};

const CONTACT: readonly [string, string][] = [
  ["id", "number"], ["name", "text"], ["email", "email"], ["phone", "text"], ["company", "text"], ["segment", "text"], ["language", "text"], ["time_zone", "text"], ["tags", "list"],
];
const TICKET: readonly [string, string][] = [
  ["id", "number"], ["title", "text"], ["status", "text"], ["priority", "text"], ["assignee_id", "number"], ["contact_id", "number"],
];

/** Fields that say nothing to a person who builds a workflow. */
const NOISE = new Set(["tenant_id", "created_by", "updated_by", "version", "archived_at"]);
const NICKNAMES: Record<string, string> = { nps: "NPS score", csat: "Satisfaction score", ces: "Effort score" };

export function typeOf(sample: unknown): string {
  if (Array.isArray(sample)) return "list";
  if (typeof sample === "number") return "number";
  if (typeof sample === "boolean") return "boolean";
  if (typeof sample === "string") return /^\d{4}-\d\d-\d\d(T|$)/.test(sample) ? "date" : "text";
  return sample === null || sample === undefined ? "text" : "object";
}

function words(key: string): string {
  const text = key.replace(/^q_/, "").replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function labelOf(question: Question): string {
  const nickname = NICKNAMES[question.type];
  if (nickname) return nickname;
  return question.label.length <= 44 ? question.label : words(question.key);
}

function key(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** The leaves of real data, three levels down at most. */
function leaves(value: Json | undefined, path: string, group: string, depth = 0): Variable[] {
  if (!isObject(value) || depth === 3) return path === "" ? [] : [{ path, label: words(path.split(".").at(-1) ?? path), type: typeOf(value), group, sample: value }];
  return Object.entries(value).flatMap(([name, item]) => (NOISE.has(name) ? [] : leaves(item, path === "" ? name : path + key(name), group, depth + 1)));
}

function triggerVariables(definition: Definition, known: Known): Variable[] {
  const event = definition.trigger_event;
  const sample = (path: Path): unknown => valueAt(known.triggerData, path);
  const found: Variable[] = [];
  if (event === "submission_completed") {
    for (const question of known.questions) {
      const options = question.options && question.options.length > 0 ? { options: question.options } : {};
      found.push({ path: `submission.data${key(question.key)}`, label: labelOf(question), type: question.type, group: "Answers", sample: sample(["submission", "data", question.key]), ...options });
    }
    found.push({ path: "submission.id", label: "Submission id", type: "number", group: "Submission", sample: sample(["submission", "id"]) });
    found.push({ path: "submission.contactId", label: "Contact id", type: "number", group: "Submission", sample: sample(["submission", "contactId"]) });
    found.push({ path: "submission.submittedAt", label: "Submitted at", type: "date", group: "Submission", sample: sample(["submission", "submittedAt"]) });
    found.push({ path: "formId", label: "Form id", type: "number", group: "Submission", sample: sample(["formId"]) });
  }
  if (event === "submission_completed" || event.startsWith("contact_")) {
    for (const [name, type] of CONTACT) found.push({ path: `contact.${name}`, label: `Contact ${words(name).toLowerCase()}`, type, group: "Contact", sample: sample(["contact", name]) });
  }
  if (event.startsWith("ticket_")) {
    for (const [name, type] of TICKET) found.push({ path: `ticket.${name}`, label: `Ticket ${words(name).toLowerCase()}`, type, group: "Ticket", sample: sample(["ticket", name]) });
  }
  const seen = new Set(found.map(({ path }) => path));
  const others = leaves(known.triggerData, "", "Trigger data").filter(({ path }) => !seen.has(path));
  return [...found, ...others];
}

/** The steps that have ended when this one begins: those before it in its own list and in each list around it. */
export function stepsBefore(definition: Definition, path: Path): Step[] {
  return places(definition)
    .filter((place) => startsWith(path, place.list) && path.length > place.list.length && place.index < Number(path[place.list.length]))
    .map(({ step }) => step);
}

/** Constructs around the place, whose own variables are known in there. */
function around(definition: Definition, path: Path): Variable[] {
  return places(definition)
    .filter((place) => startsWith(path, place.path) && path.length > place.path.length)
    .flatMap(({ step }): Variable[] => {
      if (step.type === "for_each") {
        const name = typeof step.config?.as === "string" ? step.config.as : "item";
        return [
          { path: name, label: "This item", type: "object", group: "Loop" },
          { path: "index", label: "Its number, from 0", type: "number", group: "Loop" },
        ];
      }
      return step.type === "repeat" ? [{ path: "iteration", label: "The round, from 1", type: "number", group: "Loop" }] : [];
    });
}

export function variablesAt(definition: Definition, path: Path, known: Known, actions: readonly ActionInfo[]): Variable[] {
  const before = stepsBefore(definition, path);
  const outputs = before.flatMap((step): Variable[] => {
    if (step.id === undefined) return [];
    const group = `Step: ${titleOf(step, actions)}`;
    const start = `steps.${step.id}.output`;
    if (step.type === "set") {
      const variables = isObject(step.config?.variables) ? Object.keys(step.config.variables) : [];
      return variables.map((name) => ({ path: `vars${key(name)}`, label: words(name), type: "text", group }));
    }
    const real = known.outputs[step.id];
    if (isObject(real)) return leaves(real, start, group, 1);
    return (OUTPUTS[step.type] ?? []).map(([name, type]) => ({ path: `${start}.${name}`, label: words(name), type, group }));
  });
  const always: Variable[] = [
    { path: "workflow.name", label: "Workflow name", type: "text", group: "Always", sample: definition.name },
    { path: "execution.id", label: "Execution id", type: "number", group: "Always" },
    { path: "tenant.name", label: "Company name", type: "text", group: "Always" },
    { path: "now", label: "The present time", type: "date", group: "Always" },
  ];
  return [...triggerVariables(definition, known), ...around(definition, path), ...outputs, ...always];
}

/** What is known at the end of a round: also the steps of the loop itself. */
export function insideAt(definition: Definition, place: Place, known: Known, actions: readonly ActionInfo[]): Variable[] {
  const body = nestedLists(place.step).find(({ kind }) => kind === "body");
  if (!body) return variablesAt(definition, place.path, known, actions);
  return variablesAt(definition, [...place.path, ...body.path, Number.MAX_SAFE_INTEGER], known, actions);
}

/** The data of an event that a step waits for. */
export function arrivingAt(step: Step, known: Known): Variable[] {
  const event = step.config?.event;
  if (typeof event !== "string" || event === "") return [];
  const group = "The event that comes";
  return triggerVariables({ name: "", trigger_event: event }, { ...known, triggerData: undefined }).map((variable) => ({ ...variable, sample: undefined, path: `event.${variable.path}`, group }));
}

/** What a field is called in a sentence. */
export function nameIn(variables: readonly Variable[]): (field: string) => string {
  const names = new Map(variables.map(({ path, label }) => [path, label]));
  return (field) => names.get(field) ?? words(field.split(".").at(-1) ?? field);
}
