import type { Schema } from "../../api/client";
import { StatusChip } from "../../ui/StatusChip";
import { Time, usePassed } from "../../ui/Time";
import { texts } from "./texts";

const words = texts.tickets;

/** When a ticket is to be answered; in a word when that is over. Only an open one is due. */
export function Due({ ticket: { due_at, status } }: { ticket: Pick<Schema<"Ticket">, "due_at" | "status"> }) {
  const isOver = usePassed(due_at);
  if (!due_at || status !== "open") return null;
  return (
    <span style={{ display: "inline-flex", flexWrap: "wrap", gap: "0 8px", fontSize: 13 }}>
      {isOver && <StatusChip tone="bad">{words.overdue}</StatusChip>}
      <span style={isOver ? { color: "var(--mantine-color-dimmed)" } : undefined}><Time at={due_at} /></span>
    </span>
  );
}
