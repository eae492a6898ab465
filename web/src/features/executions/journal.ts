import type { Schema } from "../../api/client";
import { texts } from "./texts";

export type Log = Schema<"ExecutionLog">;

/** One step of the run, with every attempt at it in order. */
export type Step = { path: string; id: string; type: Log["step_type"]; attempts: Log[]; last: Log; pause: number; depth: number; place: string };

/** The journal by steps: its rows are attempts. `pause` is how long nothing happened before the step began. */
export function stepsOf(logs: Log[]): Step[] {
  const steps = new Map<string, Log[]>();
  for (const log of logs) steps.set(log.step_path, [...(steps.get(log.step_path) ?? []), log]);
  let end: number | undefined;
  return [...steps].flatMap(([path, attempts]) => {
    const [first, last] = [attempts[0], attempts.at(-1)];
    if (!first || !last) return [];
    const begun = time(first.started_at ?? first.created_at);
    const pause = end === undefined || first.carried_from ? 0 : Math.max(0, begun - end);
    end = time(last.completed_at ?? last.resume_at ?? last.created_at);
    return [{ path, id: last.step_id, type: last.step_type, attempts, last, pause, ...within(path) }];
  });
}

/** Where a step stands: how deep, and in which branch or round. `s3.branches[0].s1` is in branch 1, `s4[2].s1` in round 3, `s4~2[2].s1` in that of its second try. */
export function within(path: string): { depth: number; place: string } {
  const places: string[] = [];
  const tries: string[] = [];
  const parts = path.split(".").slice(0, -1);
  for (const part of parts) {
    const again = /~(\d+)/.exec(part)?.[1];
    if (again !== undefined) tries.push(texts.places.again(Number(again)));
    const branch = /^branches\[(\d+)\]$/.exec(part)?.[1];
    const round = /\[(\d+)\]$/.exec(part)?.[1];
    if (branch !== undefined) places.push(texts.places.branch(Number(branch) + 1));
    else if (round !== undefined) places.push(texts.places.round(Number(round) + 1));
    else if (part === "else") places.push(texts.places.else);
    else if (/^on[A-Z]/.test(part)) places.push(texts.places.lists[part] ?? part);
  }
  return { depth: places.length, place: [...places, ...tries].join(" · ") };
}

/** What a run made in the company's own records, as its steps tell it. */
export type Made = { kind: "ticket" | "notification" | "contact" | "mail" | "execution"; id: number };

const MADE: [key: string, kind: Made["kind"]][] = [["ticketId", "ticket"], ["notificationId", "notification"], ["contactId", "contact"], ["outboxId", "mail"], ["executionId", "execution"]];

export function madeBy(logs: readonly Log[]): Made[] {
  const found = new Map<string, Made>();
  for (const { status, output_data: output } of logs) {
    if (status !== "completed" || typeof output !== "object" || output === null) continue;
    for (const [key, kind] of MADE) {
      const id: unknown = Reflect.get(output, key);
      if (typeof id === "number") found.set(`${kind}:${id}`, { kind, id });
    }
  }
  return [...found.values()];
}

const time = (text: string): number => new Date(text).getTime();

/** What was asked and what was found: a single comparison, or a group of them. */
export type Verdict = {
  result: boolean;
  reason?: string;
  field?: string;
  operator?: string;
  left?: unknown;
  right?: unknown;
  logic?: string | undefined;
  conditions?: Verdict[];
};

/** The verdict in a condition's output, when it has the shape that is drawn; else it is shown as it is. */
export function verdictOf(output: unknown): Verdict | undefined {
  if (typeof output !== "object" || output === null || !("result" in output) || typeof output.result !== "boolean") return undefined;
  return output as Verdict;
}

/** The verdict that a row tells: of the workflow's conditions, of a filter, or of what a wait looked at again when it was over. */
export function storyOf({ input_data: input, output_data: output }: Pick<Log, "input_data" | "output_data">): Verdict | undefined {
  const passed: unknown = typeof output === "object" && output !== null ? Reflect.get(output, "passed") : undefined;
  if (typeof passed !== "boolean") return verdictOf(output);
  const conditions: unknown = [output, input].map((told) => (typeof told === "object" && told !== null ? Reflect.get(told, "conditions") : undefined)).find(Array.isArray);
  return { result: passed, ...(Array.isArray(conditions) && { conditions: conditions as Verdict[] }) };
}

/** How the conditions of a step are joined, from what it was given: its first entry says so. */
export function joinOf(input: unknown): string | undefined {
  const first: unknown = Array.isArray(input) ? input[0] : input;
  if (typeof first !== "object" || first === null || !("logic" in first)) return undefined;
  return typeof first.logic === "string" ? first.logic : undefined;
}

/** What a run that rests goes on with: a time, or something that may come earlier than the time at which it is given up. */
export type Awaited = "time" | "event" | "decision" | "run";

export function awaitedAt(logs: readonly Log[], wakeAt: string): Awaited {
  const log = logs.findLast(({ resume_at: at, status }) => at === wakeAt && (status === "running" || status === "pending"));
  return log ? awaitedBy(log) : "time";
}

export function awaitedBy({ step_type: type, input_data: input }: Pick<Log, "step_type" | "input_data">): Awaited {
  if (type === "approval") return "decision";
  if (type === "workflow") return "run";
  return type === "wait" && typeof input === "object" && input !== null && "event" in input ? "event" : "time";
}

/** A step that failed and whose "if it fails" ran to its end: for the run it is none of its failures. */
export function isHandled({ status, output_data: output }: Pick<Log, "status" | "output_data">): boolean {
  return status === "failed" && typeof output === "object" && output !== null && Reflect.get(output, "handled") === true;
}
