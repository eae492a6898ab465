// What can start a workflow, and what a trigger says in one line. The kinds are closed here: which fields each has, and what a fresh one begins with.
import type { JsonSchema } from "../../../forms/schema";
import type { Definition } from "./definition";
import { isObject, type JsonObject } from "./json";
import { texts } from "./texts";

export type StartKind = "event" | "schedule" | "webhook" | "manual";

/** Names of events that are no events of records. */
const OTHERS = ["schedule", "webhook", "manual"] as const;

export function startKindOf(event: string): StartKind {
  return OTHERS.find((kind) => kind === event) ?? "event";
}

/** The trigger fields for a kind that was just chosen; what was set for another kind means nothing any more. */
export function freshStart(kind: StartKind): { trigger_event: string; trigger_config: JsonObject } {
  switch (kind) {
    case "event":
      return { trigger_event: "submission_completed", trigger_config: {} };
    case "schedule":
      return { trigger_event: "schedule", trigger_config: { cron: "0 9 * * 1-5" } };
    case "webhook":
      return { trigger_event: "webhook", trigger_config: { auth: { type: "none" }, respond: "accepted" } };
    case "manual":
      return { trigger_event: "manual", trigger_config: {} };
  }
}

/** A way in which a schedule says when. */
export type Pace = "cron" | "every" | "relativeTo";

export function paceOf(config: JsonObject): Pace {
  return config.every !== undefined ? "every" : config.relativeTo !== undefined ? "relativeTo" : "cron";
}

const PACES: Record<Pace, JsonObject> = { cron: { cron: "0 9 * * 1-5" }, every: { every: "1h" }, relativeTo: { relativeTo: "submission.submittedAt", offset: "7d" } };

/** The fields that a schedule of each pace has; of others the server says that there are none. */
const PACE_FIELDS: Record<Pace, readonly string[]> = {
  cron: ["cron", "timeZone", "misfire", "startAt", "endAt"],
  every: ["every", "misfire", "startAt", "endAt"],
  relativeTo: ["relativeTo", "offset", "at", "timeZone", "startAt", "endAt"],
};

/** The config with another pace; what such a schedule has as well stays. */
export function withPace(config: JsonObject, pace: Pace): JsonObject {
  const kept = Object.entries(config).filter(([name]) => PACE_FIELDS[pace].includes(name) && !(name in PACES[pace]));
  return { ...PACES[pace], ...Object.fromEntries(kept) };
}

/** Which places of `trigger_config` have a field in the form, as paths inside it: a problem anywhere else has to be said by itself. */
export function triggerFields(event: string, config: JsonObject): (readonly string[])[] {
  switch (startKindOf(event)) {
    case "manual":
      return [];
    case "schedule":
      return PACE_FIELDS[paceOf(config)].map((name) => [name]);
    case "webhook": {
      const kind = isObject(config.auth) && typeof config.auth.type === "string" ? config.auth.type : "none";
      const auth = ["type", ...Object.keys(HOOK_AUTHS[kind]?.properties ?? {})].map((name) => ["auth", name]);
      return [...auth, ["respond"], ["dedupeHeader"], ...(config.respond === "result" ? [["timeout"]] : [])];
    }
    case "event":
      return [...(event === "submission_completed" ? [["formId"]] : []), ...(RECORD_EVENTS.test(event) ? [["fields"]] : []), ...(Array.isArray(config.conditions) ? [["conditions"]] : [])];
  }
}

/** Events of which one may ask that certain fields have changed. */
export const RECORD_EVENTS = /^(contact|ticket)_updated$/;

/** The common rhythms, that need no expression to be written. */
export type Rhythm = { kind: "hourly"; minute: number } | { kind: "daily" | "weekdays"; time: string } | { kind: "weekly"; time: string; day: number } | { kind: "monthly"; time: string; day: number } | { kind: "custom" };

function time(hour: string, minute: string): string {
  return `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}

export function rhythmOf(cron: string): Rhythm {
  const [minute = "", hour = "", day = "", month = "", weekday = "", ...rest] = cron.trim().split(/\s+/);
  const isNumber = (text: string): boolean => /^\d{1,2}$/.test(text);
  if (rest.length > 0 || !isNumber(minute) || month !== "*") return { kind: "custom" };
  if (hour === "*" && day === "*" && weekday === "*") return { kind: "hourly", minute: Number(minute) };
  if (!isNumber(hour)) return { kind: "custom" };
  const at = time(hour, minute);
  if (day === "*" && weekday === "*") return { kind: "daily", time: at };
  if (day === "*" && (weekday === "1-5" || weekday.toLowerCase() === "mon-fri")) return { kind: "weekdays", time: at };
  if (day === "*" && /^[0-7]$/.test(weekday)) return { kind: "weekly", time: at, day: Number(weekday) % 7 };
  if (isNumber(day) && weekday === "*") return { kind: "monthly", time: at, day: Number(day) };
  return { kind: "custom" };
}

export function cronOf(rhythm: Exclude<Rhythm, { kind: "custom" }>): string {
  if (rhythm.kind === "hourly") return `${rhythm.minute} * * * *`;
  const [hour = 9, minute = 0] = rhythm.time.split(":").map(Number);
  const start = `${minute} ${hour}`;
  switch (rhythm.kind) {
    case "daily":
      return `${start} * * *`;
    case "weekdays":
      return `${start} * * 1-5`;
    case "weekly":
      return `${start} * * ${rhythm.day}`;
    case "monthly":
      return `${start} ${rhythm.day} * *`;
  }
}

/** The same rhythm kind with what can be kept of another one. */
export function rhythmFrom(kind: Rhythm["kind"], before: Rhythm): Exclude<Rhythm, { kind: "custom" }> {
  const at = "time" in before ? before.time : "09:00";
  switch (kind) {
    case "hourly":
      return { kind, minute: 0 };
    case "weekly":
      return { kind, time: at, day: 1 };
    case "monthly":
      return { kind, time: at, day: 1 };
    case "weekdays":
      return { kind, time: at };
    default:
      return { kind: "daily", time: at };
  }
}

export const WEEKDAYS = texts.weekdays;

const words = texts.starts;

function rhythmText(cron: string): string {
  const rhythm = rhythmOf(cron);
  switch (rhythm.kind) {
    case "hourly":
      return words.hourly(String(rhythm.minute).padStart(2, "0"));
    case "daily":
      return words.daily(rhythm.time);
    case "weekdays":
      return words.weekdays(rhythm.time);
    case "weekly":
      return words.weekly(WEEKDAYS[rhythm.day] ?? words.week, rhythm.time);
    case "monthly":
      return words.monthly(rhythm.day, rhythm.time);
    case "custom":
      return words.custom(cron);
  }
}

/** When a schedule starts it, in words. */
export function scheduleText(config: JsonObject): string {
  const zone = typeof config.timeZone === "string" ? ` (${config.timeZone})` : "";
  if (typeof config.every === "string" || typeof config.every === "number") return words.every(String(config.every));
  if (typeof config.relativeTo === "string") {
    const offset = typeof config.offset === "string" && config.offset !== "" ? config.offset : "0d";
    const said = offset.startsWith("-") ? words.before(offset.slice(1), config.relativeTo) : words.after(offset.replace(/^\+/, ""), config.relativeTo);
    return typeof config.at === "string" ? words.at(said, config.at) : said;
  }
  return typeof config.cron === "string" && config.cron !== "" ? `${rhythmText(config.cron)}${zone}` : "";
}

/** The rules of entry, each an object of the definition. The first field of each is what it cannot be without. */
export type EntryRule = "enrolment" | "debounce" | "concurrency" | "rateLimit" | "goal";

type Rule = { name: EntryRule; begin: JsonObject; schema: JsonSchema };

const key: JsonSchema = { type: "string", title: texts.rules.key, description: texts.rules.keyHint, format: "template-text" };

export const ENTRY_RULES: readonly Rule[] = [
  {
    name: "enrolment",
    begin: { policy: "once" },
    schema: {
      type: "object",
      required: ["policy"],
      properties: {
        policy: { type: "string", title: texts.rules.policy, enum: ["every_time", "once", "once_per"] },
        period: { type: ["integer", "string"], format: "duration", title: texts.rules.period, description: texts.rules.periodHint },
        key: { ...key, default: "{{contact.id}}" },
      },
    },
  },
  {
    name: "debounce",
    begin: { key: "{{contact.id}}", for: "30s" },
    schema: { type: "object", required: ["for", "key"], properties: { for: { type: ["integer", "string"], format: "duration", title: texts.rules.quiet }, key } },
  },
  {
    name: "concurrency",
    begin: { limit: 1, key: "{{contact.id}}", behavior: "queue" },
    schema: {
      type: "object",
      required: ["limit", "behavior"],
      properties: {
        limit: { type: "integer", minimum: 1, title: texts.rules.atOnce },
        behavior: { type: "string", enum: ["queue", "drop", "cancel_running"], title: texts.rules.noRoom, description: texts.rules.noRoomHint },
        key,
      },
    },
  },
  {
    name: "rateLimit",
    begin: { limit: 100, per: "1m" },
    schema: { type: "object", required: ["limit", "per"], properties: { limit: { type: "integer", minimum: 1, title: texts.rules.most }, per: { type: ["integer", "string"], format: "duration", title: texts.rules.per } } },
  },
  {
    name: "goal",
    begin: { event: "submission_completed", conditions: [] },
    schema: {
      type: "object",
      required: ["event"],
      properties: { event: { type: "string", title: texts.rules.event, description: texts.rules.eventHint }, conditions: { type: "array", format: "conditions", items: { type: "object" }, title: texts.rules.onlyIf } },
    },
  },
];

export function ruleOf(definition: Definition, name: EntryRule): JsonObject | undefined {
  const rule = definition[name];
  return isObject(rule) ? rule : undefined;
}

/** How callers of the hook prove who they are, by `auth.type`; secrets are written and not shown again. */
export const HOOK_AUTHS: Record<string, JsonSchema> = {
  none: { type: "object", properties: {} },
  basic: { type: "object", required: ["username", "password"], properties: { username: { type: "string" }, password: { type: "string", writeOnly: true } } },
  header: { type: "object", required: ["name", "value"], properties: { name: { type: "string", title: texts.auths.header, description: texts.auths.headerHint }, value: { type: "string", writeOnly: true } } },
  hmac: {
    type: "object",
    required: ["header", "secret"],
    properties: {
      header: { type: "string", title: texts.auths.signature, description: texts.auths.signatureHint },
      secret: { type: "string", writeOnly: true },
      algorithm: { type: "string", enum: ["sha256", "sha512"], default: "sha256" },
      encoding: { type: "string", enum: ["hex", "base64"], default: "hex" },
      prefix: { type: "string", title: texts.auths.prefix, description: texts.auths.prefixHint },
    },
  },
  standard_webhooks: { type: "object", required: ["secret"], properties: { secret: { type: "string", writeOnly: true } } },
};
