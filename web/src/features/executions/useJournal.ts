import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type Schema, take } from "../../api/client";
import type { Log } from "./journal";

/** The journal's rows; while some are still on their way, what is drawn of them is not the whole run. */
export type Journal = { logs: Log[]; isWhole: boolean; error: Error | null; again: () => void };

/** The first 1,000 rows come with the execution, the others page by page: how a long run went is known only from all of them. */
export function useJournal(execution: Schema<"ExecutionDetail">): Journal {
  const cursor = execution.logs_next_cursor;
  const rest = useQuery({
    queryKey: ["executions", "logs", execution.id, cursor],
    enabled: !!cursor,
    queryFn: async ({ signal }) => {
      const logs: Log[] = [];
      for (let next: string | null | undefined = cursor; next;) {
        const page: Schema<"ExecutionLogs"> = await take(api.GET("/api/workflow-executions/{id}/logs", { params: { path: { id: execution.id }, query: { cursor: next, limit: 200 } }, signal }));
        logs.push(...page.data);
        next = page.nextCursor;
      }
      return logs;
    },
  });
  const logs = useMemo(() => [...execution.logs, ...(rest.data ?? [])], [execution.logs, rest.data]);
  return { logs, isWhole: !cursor || rest.data !== undefined, error: rest.error, again: () => void rest.refetch() };
}
