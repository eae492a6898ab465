// What the palette offers: what the server's catalogue says, and nothing else. Control steps come in it as soon as the server has them.
import { emptyOf, fieldsOf, type JsonSchema } from "../../../forms/schema";
import { type OperatorInfo, sentence } from "./conditions";
import type { Step } from "./definition";
import { isObject, type Json, type JsonObject } from "./json";
import { texts } from "./texts";

export type ActionInfo = {
  name: string;
  title: string;
  description: string;
  group: string;
  icon: string;
  effect?: string;
  schema: JsonSchema;
  sample?: JsonObject;
  suggested_retry?: JsonObject | null;
};

/** A new step: its lists of steps are there at once, as the schema says, other fields are empty; with the retry that the catalogue suggests for calls that may fail. */
export function newStep(action: ActionInfo, id: string): Step {
  const config: JsonObject = {};
  for (const { name, schema, required } of fieldsOf(action.schema)) {
    const sample = action.sample?.[name];
    // As many branches as the sample shows: a parallel step with one would be none.
    const value = emptyOf(schema, required, Array.isArray(sample) ? sample.length : 1);
    if (value !== undefined) config[name] = value as Json;
  }
  const retry = action.suggested_retry;
  return { type: action.name, id, config, ...(isObject(retry) ? { retry } : {}) };
}

/** The groups in the order in which the server names them; what acts comes before what only decides and waits. */
export function grouped(actions: readonly ActionInfo[]): { group: string; actions: ActionInfo[] }[] {
  const groups = new Map<string, ActionInfo[]>();
  for (const action of actions) groups.set(action.group, [...(groups.get(action.group) ?? []), action]);
  const found = [...groups].map(([group, members]) => ({ group, actions: members }));
  const acts = ({ actions: members }: (typeof found)[number]): boolean => members.some(({ effect }) => effect !== undefined && effect !== "wait");
  return [...found.filter(acts), ...found.filter((group) => !acts(group))];
}

/** Those that a search finds, the best first: the title's beginning, a word's beginning, anywhere in it, the description. */
export function search(actions: readonly ActionInfo[], text: string): ActionInfo[] {
  const sought = text.trim().toLowerCase();
  if (sought === "") return [...actions];
  const rank = (action: ActionInfo): number => {
    const title = action.title.toLowerCase();
    if (title.startsWith(sought)) return 0;
    if (title.split(/\s+/).some((word) => word.startsWith(sought))) return 1;
    if (title.includes(sought) || action.name.includes(sought)) return 2;
    return action.description.toLowerCase().includes(sought) || action.group.toLowerCase().includes(sought) ? 3 : 4;
  };
  return actions
    .map((action) => ({ action, rank: rank(action) }))
    .filter((found) => found.rank < 4)
    .sort((a, b) => a.rank - b.rank)
    .map(({ action }) => action);
}

function short(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(short).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([key, item]) => `${key}: ${short(item)}`).join(", ");
  return String(value).replace(/\s+/g, " ");
}

const { does } = texts;

/** Which fields say most about a step, by its type; of others it is the first text. */
const TELLING: Record<string, (config: JsonObject) => string> = {
  send_email: (config) => (config.to ? does.to(short(config.to), short(config.subject)) : short(config.subject)),
  create_ticket: (config) => `${short(config.title)}${config.priority ? ` (${short(config.priority)})` : ""}`,
  update_contact: (config) => short(config.updates),
  update_field: (config) => (config.field ? does.becomes(short(config.field), short(config.entity) || does.record, short(config.value)) : ""),
  add_tag: (config) => (config.tag ? does.tag(short(config.tag), short(config.entity) || does.record) : ""),
  send_notification: (config) => short(config.title),
  webhook: (config) => (config.url ? `${short(config.method) || "POST"} ${short(config.url)}` : ""),
  delay: (config) => (config.duration ? does.lasts(short(config.duration)) : ""),
  sync_integration: (config) => [short(config.integration), short(config.action)].filter(Boolean).join(": "),
  for_each: (config) => (config.items ? does.of(short(config.items)) : ""),
  repeat: (config) => (config.maxIterations ? does.rounds(short(config.maxIterations), short(config.pause)) : ""),
  branch: (config) => (config.mode === "all" ? does.everyBranch : does.firstBranch),
  parallel: (config) => (config.join === "any" ? does.untilOne : typeof config.join === "number" ? does.untilSome(config.join) : does.untilAll),
  wait: (config) => {
    if (config.for) return does.lasts(short(config.for));
    if (config.until) return does.until(short(config.until), short(config.offset));
    return config.window ? does.until(short(config.window).replaceAll("_", " "), "") : "";
  },
  wait_for_event: (config) => (config.event ? does.atMost(short(config.event), short(config.timeout)) : ""),
  approval: (config) => short(config.title),
  run_workflow: (config) => (config.workflowId ? does.workflow(short(config.workflowId), config.wait !== false) : ""),
  set: (config) => short(config.variables),
  stop: (config) => [config.status === "failed" ? does.fails : "", short(config.message)].filter(Boolean).join(": ") || does.ends,
};

/** One line that says what a step does; empty when there is nothing to say yet. */
export function summary(step: Step): string {
  const config = isObject(step.config) ? step.config : {};
  const telling = TELLING[step.type];
  return telling ? telling(config) : short(Object.values(config).find((value) => typeof value === "string" && value !== "") ?? "");
}

/** What a step does, in one line with names: its fields, else the conditions that it asks. */
export function stepText(step: Step, operators: readonly OperatorInfo[], nameOf: (field: string) => string): string {
  const said = inWords(summary(step), nameOf);
  const conditions = isObject(step.config) ? step.config.conditions : undefined;
  return said === "" && Array.isArray(conditions) ? sentence(conditions, operators, nameOf) : said;
}

/** A text with its variables by name: "NPS Detractor: [Your name]". */
export function inWords(text: string, nameOf: (field: string) => string): string {
  return text.replace(/\{\{\s*([^}|]+?)\s*(\|[^}]*)?\}\}/g, (_, path: string) => `[${nameOf(path)}]`);
}

export function titleOf(step: Step, actions: readonly ActionInfo[]): string {
  return step.name || actions.find(({ name }) => name === step.type)?.title || step.type.replaceAll("_", " ");
}
