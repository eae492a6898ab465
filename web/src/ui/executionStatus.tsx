import type { Schema } from "../api/client";
import { StatusChip, type Tone } from "./StatusChip";
import { stoppedIn } from "./stopped";
import { texts } from "./texts";

const words = texts.statuses;

export type ExecutionStatus = Schema<"ExecutionStatusName">;

/** Each status in a person's words; several screens show them. */
export const executionStatuses: Record<ExecutionStatus, { label: string; tone: Tone; isMoving?: boolean }> = {
  pending: { label: words.pending, tone: "quiet", isMoving: true },
  running: { label: words.running, tone: "moving", isMoving: true },
  waiting: { label: words.waiting, tone: "waiting" },
  retrying: { label: words.retrying, tone: "waiting", isMoving: true },
  completed: { label: words.completed, tone: "good" },
  failed: { label: words.failed, tone: "bad" },
  cancelled: { label: words.cancelled, tone: "quiet" },
};

type Told = { status: ExecutionStatus; outcome?: Schema<"OutcomeName"> | null | undefined; actions_failed?: number; result?: unknown };

/** A run that did not match, or that was stopped, is complete as well, but that is not what one wants to know of it. */
export function ExecutionStatusChip({ status, outcome, actions_failed: failed = 0, result }: Told) {
  const { label, tone, isMoving } = executionStatuses[status];
  if (status === "completed" && outcome === "unmatched") return <StatusChip tone="quiet">{words.unmatched}</StatusChip>;
  if (status === "completed" && (outcome === "stopped" || stoppedIn(result))) return <StatusChip tone={outcome === "stopped" ? "bad" : "quiet"}>{words.stopped}</StatusChip>;
  if (status === "completed" && failed > 0) return <StatusChip tone="waiting">{words.withFailures(failed)}</StatusChip>;
  return <StatusChip tone={tone} isMoving={isMoving ?? false}>{label}</StatusChip>;
}
