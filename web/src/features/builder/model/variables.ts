// Which variables a step can use: the trigger's data as its form and its last runs show it, what the steps before it give, and what is always there.
import type { Variable } from "../../../forms/variables";
import { type ActionInfo, titleOf } from "./catalogue";
import type { Definition, Step } from "./definition";
import { isObject, type Json, type Path, startsWith, valueAt } from "./json";
import { nestedLists, type Place, places } from "./lists";
import { texts } from "./texts";

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
  assign_ticket: [["assigneeId", "number"]],
  invite: [["invitationId", "number"], ["url", "text"]],
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
  run_workflow: [["executionId", "number"], ["status", "text"], ["result", "object"]],
};

const CONTACT: readonly [string, string][] = [
  ["id", "number"], ["name", "text"], ["email", "email"], ["phone", "text"], ["company", "text"], ["segment", "text"], ["language", "text"], ["time_zone", "text"], ["tags", "list"],
];
const TICKET: readonly [string, string][] = [
  ["id", "number"], ["title", "text"], ["status", "text"], ["priority", "text"], ["assignee_id", "number"], ["contact_id", "number"], ["due_at", "date"],
];

/** Fields that say nothing to a person who builds a workflow. */
const NOISE = new Set(["tenant_id", "created_by", "updated_by", "version", "archived_at"]);

const { groups, nicknames, variables: names } = texts;

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
  const nickname = nicknames[question.type];
  if (nickname) return nickname;
  return question.label.length <= 44 ? question.label : words(question.key);
}

function key(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** What triggers bring that are no records: known before the first of them has come. */
const TRIGGERS: Record<string, readonly [path: string, label: string, type: string, group: string][]> = {
  schedule: [["schedule.scheduledFor", names.scheduledFor, "date", groups.schedule], ["schedule.firedAt", names.firedAt, "date", groups.schedule]],
  webhook: [["body", names.body, "object", groups.call], ["headers", names.headers, "object", groups.call], ["query", names.query, "object", groups.call], ["method", names.method, "text", groups.call]],
  execution_failed: [
    ["failure.error", names.error, "text", groups.failure], ["failure.workflowName", names.failedWorkflow, "text", groups.failure], ["failure.executionId", names.failedRun, "number", groups.failure],
    ["failure.triggerEvent", names.failedEvent, "text", groups.failure], ["failure.retryCount", names.retries, "number", groups.failure], ["contactId", names.contactId, "number", groups.failure], ["submissionId", names.submissionId, "number", groups.failure],
  ],
};

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
      found.push({ path: `submission.data${key(question.key)}`, label: labelOf(question), type: question.type, group: groups.answers, sample: sample(["submission", "data", question.key]), ...options });
    }
    found.push({ path: "submission.id", label: names.submissionId, type: "number", group: groups.submission, sample: sample(["submission", "id"]) });
    found.push({ path: "submission.contactId", label: names.contactId, type: "number", group: groups.submission, sample: sample(["submission", "contactId"]) });
    found.push({ path: "submission.submittedAt", label: names.submittedAt, type: "date", group: groups.submission, sample: sample(["submission", "submittedAt"]) });
    found.push({ path: "formId", label: names.formId, type: "number", group: groups.submission, sample: sample(["formId"]) });
  }
  if (event === "submission_completed" || event.startsWith("contact_")) {
    for (const [name, type] of CONTACT) found.push({ path: `contact.${name}`, label: names.ofContact(words(name).toLowerCase()), type, group: groups.contact, sample: sample(["contact", name]) });
  }
  if (event.startsWith("ticket_")) {
    for (const [name, type] of TICKET) found.push({ path: `ticket.${name}`, label: names.ofTicket(words(name).toLowerCase()), type, group: groups.ticket, sample: sample(["ticket", name]) });
  }
  for (const [path, label, type, group] of TRIGGERS[event] ?? []) found.push({ path, label, type, group, sample: sample(path.split(".")) });
  const seen = new Set(found.map(({ path }) => path));
  const others = leaves(known.triggerData, "", groups.trigger).filter(({ path }) => !seen.has(path));
  return [...found, ...others];
}

/** The steps that have ended when this one begins: those before it in its own list and in each list around it; for what is done when the run has failed, also those of the run. */
export function stepsBefore(definition: Definition, path: Path): Step[] {
  const isBefore = ({ list, index }: Place): boolean => startsWith(path, list) && path.length > list.length && index < Number(path[list.length]);
  // Which of them came to their end is not known beforehand; of the others it is as if they had given nothing.
  const isOfRun = ({ list }: Place): boolean => path[0] === "onFailure" && list.length === 1 && list[0] === "actions";
  return places(definition)
    .filter((place) => isBefore(place) || isOfRun(place))
    .map(({ step }) => step);
}

/** Constructs around the place, whose own variables are known in there. */
function around(definition: Definition, path: Path): Variable[] {
  const failed = (field: string, label: string): Variable => ({ path: field, label, type: "text", group: groups.failure });
  const ofRun = path[0] === "onFailure" ? [failed("error.message", names.error), failed("error.stepName", names.failedStep), failed("error.stepPath", names.failedStepPath)] : [];
  const inside = places(definition)
    .filter((place) => startsWith(path, place.path) && path.length > place.path.length)
    .flatMap(({ step, path: own }): Variable[] => {
      if (path[own.length] === "onError") return [failed("error", names.error)];
      if (step.type === "for_each") {
        const name = typeof step.config?.as === "string" ? step.config.as : "item";
        return [
          { path: name, label: names.item, type: "object", group: groups.loop },
          { path: "index", label: names.index, type: "number", group: groups.loop },
        ];
      }
      return step.type === "repeat" ? [{ path: "iteration", label: names.round, type: "number", group: groups.loop }] : [];
    });
  return [...inside, ...ofRun];
}

/** What an approval gives: the decision, and an answer to each of its questions. */
function decided(step: Step, start: string, group: string): Variable[] {
  const asked = Array.isArray(step.config?.form) ? step.config.form.filter((question) => isObject(question)) : [];
  const answers = asked.flatMap(({ key: name, label, type }): Variable[] => (typeof name === "string" && name !== "" ? [{ path: `${start}.form${key(name)}`, label: typeof label === "string" && label !== "" ? label : words(name), type: typeof type === "string" ? type : "text", group }] : []));
  return [
    { path: `${start}.decision`, label: names.decision, type: "text", group, options: ["approved", "rejected", "timed_out"] },
    { path: `${start}.by`, label: names.decidedBy, type: "list", group },
    { path: `${start}.comment`, label: names.comment, type: "text", group },
    ...answers,
  ];
}

export function variablesAt(definition: Definition, path: Path, known: Known, actions: readonly ActionInfo[]): Variable[] {
  const before = stepsBefore(definition, path);
  const outputs = before.flatMap((step): Variable[] => {
    if (step.id === undefined) return [];
    const group = groups.step(titleOf(step, actions));
    const start = `steps.${step.id}.output`;
    if (step.type === "set") {
      const variables = isObject(step.config?.variables) ? Object.keys(step.config.variables) : [];
      return variables.map((name) => ({ path: `vars${key(name)}`, label: words(name), type: "text", group }));
    }
    if (step.type === "approval") return decided(step, start, group);
    const real = known.outputs[step.id];
    if (isObject(real)) return leaves(real, start, group, 1);
    return (OUTPUTS[step.type] ?? []).map(([name, type]) => ({ path: `${start}.${name}`, label: words(name), type, group }));
  });
  const always: Variable[] = [
    { path: "workflow.name", label: names.workflow, type: "text", group: groups.always, sample: definition.name },
    { path: "execution.id", label: names.execution, type: "number", group: groups.always },
    { path: "tenant.name", label: names.company, type: "text", group: groups.always },
    { path: "now", label: names.now, type: "date", group: groups.always },
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
  const group = groups.arriving;
  return triggerVariables({ name: "", trigger_event: event }, { ...known, triggerData: undefined }).map((variable) => ({ ...variable, sample: undefined, path: `event.${variable.path}`, group }));
}

/** What a field is called in a sentence. */
export function nameIn(variables: readonly Variable[]): (field: string) => string {
  const names = new Map(variables.map(({ path, label }) => [path, label]));
  return (field) => names.get(field) ?? words(field.split(".").at(-1) ?? field);
}
