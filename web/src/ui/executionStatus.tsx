import type { Schema } from "../api/client";
import { StatusChip, type Tone } from "./StatusChip";

export type ExecutionStatus = Schema<"ExecutionStatusName">;

/** Each status in a person's words; several screens show them. */
export const executionStatuses: Record<ExecutionStatus, { label: string; tone: Tone; isMoving?: boolean }> = {
  pending: { label: "Pending", tone: "quiet", isMoving: true },
  running: { label: "Running", tone: "moving", isMoving: true },
  waiting: { label: "Waiting", tone: "waiting" },
  retrying: { label: "Retrying", tone: "waiting", isMoving: true },
  completed: { label: "Completed", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
  cancelled: { label: "Cancelled", tone: "quiet" },
};

type Told = { status: ExecutionStatus; outcome?: Schema<"OutcomeName"> | null | undefined; actions_failed?: number };

/** A run whose conditions did not hold is complete as well, but that is not what one wants to know of it. */
export function ExecutionStatusChip({ status, outcome, actions_failed: failed = 0 }: Told) {
  const { label, tone, isMoving } = executionStatuses[status];
  if (status === "completed" && outcome === "unmatched") return <StatusChip tone="quiet">Not matched</StatusChip>;
  if (status === "completed" && failed > 0) return <StatusChip tone="waiting">{`Completed, ${failed} failed`}</StatusChip>;
  return <StatusChip tone={tone} isMoving={isMoving ?? false}>{label}</StatusChip>;
}
