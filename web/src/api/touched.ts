// What a change that the server tells of has to do with what is on the screen, by the beginnings of queries' keys.
import type { QueryKey } from "@tanstack/react-query";

/** `soon` is what one watches; `later` is what adds up, and is the same to the eye a few seconds on. */
export type Touched = { soon: QueryKey[]; later: QueryKey[] };

const NOTHING: Touched = { soon: [], later: [] };

function numberIn(data: unknown, name: string): number | undefined {
  const value: unknown = typeof data === "object" && data !== null ? Reflect.get(data, name) : undefined;
  return typeof value === "number" ? value : undefined;
}

/** An open execution is read anew for its own changes only: its journal is long, and others run beside it all the time. */
export function touchedBy(kind: string, data: unknown): Touched {
  const id = numberIn(data, "id");
  switch (kind) {
    case "execution":
      return {
        soon: [["executions", "one", id]],
        later: [["executions", "logs", id], ["executions", "list"], ["executions", "of"], ["executions", "tree"], ["overview"], ["workflows", "list"], ["workflows", "one", numberIn(data, "workflowId")], ["jobs"], ["tickets"], ["outbox"], ["decisions"]],
      };
    case "approval": {
      const execution = numberIn(data, "executionId");
      return { soon: [["approvals"], ["executions", "one", execution]], later: [] };
    }
    case "notification":
      return { soon: [["notifications"]], later: [] };
    default:
      return NOTHING;
  }
}
