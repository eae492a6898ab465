import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, type Schema, take } from "../../api/client";
import type { Log } from "./journal";

/** The journal's rows that are here, and the way to the others: the first 1,000 come with the execution. */
export type Journal = { logs: Log[]; hasMore: boolean; isLoading: boolean; more: () => void };

export function useJournal(execution: Schema<"ExecutionDetail">): Journal {
  const [wanted, setWanted] = useState(false);
  const cursor = execution.logs_next_cursor;
  const rest = useQuery({
    queryKey: ["executions", "logs", execution.id, cursor],
    enabled: wanted && !!cursor,
    queryFn: async () => {
      const logs: Log[] = [];
      for (let next: string | null | undefined = cursor; next;) {
        const page: Schema<"ExecutionLogs"> = await take(api.GET("/api/workflow-executions/{id}/logs", { params: { path: { id: execution.id }, query: { cursor: next, limit: 200 } } }));
        logs.push(...page.data);
        next = page.nextCursor;
      }
      return logs;
    },
  });
  const logs = useMemo(() => [...execution.logs, ...(rest.data ?? [])], [execution.logs, rest.data]);
  return { logs, hasMore: !!cursor && !rest.data, isLoading: rest.isFetching, more: () => setWanted(true) };
}
