import type { Schema } from "../../api/client";
import { StatusChip } from "../../ui/StatusChip";
import { Time, usePassed } from "../../ui/Time";
import { texts } from "./texts";

const words = texts.tickets;

type Props = {
  ticket: Pick<Schema<"Ticket">, "due_at" | "status">;
  /** Says what time it is where no heading does. */
  isNamed?: boolean;
};

/** When a ticket is to be answered; in a word when that is over. Only an open one is due. */
export function Due({ ticket: { due_at, status }, isNamed = false }: Props) {
  const isOver = usePassed(due_at);
  if (!due_at || status !== "open") return null;
  return (
    <span style={{ display: "inline-flex", flexWrap: "wrap", gap: "0 8px", fontSize: 13 }}>
      {isOver ? <StatusChip tone="bad">{words.overdue}</StatusChip> : isNamed && <span>{words.due}</span>}
      <span style={isOver ? { color: "var(--mantine-color-dimmed)" } : undefined}><Time at={due_at} /></span>
    </span>
  );
}
