import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, take } from "../../api/client";
import { ExecutionStatusChip } from "../../ui/executionStatus";
import { ErrorState, RowsLoading } from "../../ui/states";
import { Time } from "../../ui/Time";
import classes from "./data.module.css";
import { texts } from "./texts";

type Props = { query: { contactId?: number; submissionId?: number }; none?: string };

/** The last executions about a record, and the way to all of them. */
export function RunsOf({ query, none = "—" }: Props) {
  const runs = useQuery({ queryKey: ["executions", "of", query], queryFn: () => take(api.GET("/api/workflow-executions", { params: { query: { ...query, limit: 8 } } })) });
  if (runs.error) return <ErrorState error={runs.error} again={() => void runs.refetch()} />;
  if (!runs.data) return <RowsLoading rows={2} />;
  if (runs.data.data.length === 0) return <Text size="sm" c="dimmed" mb="sm">{none}</Text>;
  const search = Object.fromEntries(Object.entries(query).map(([name, id]) => [name, String(id)]));
  return (
    <ul className={classes["runs"]}>
      {runs.data.data.map((run) => (
        <li key={run.id}>
          <Link to="/executions/$executionId" params={{ executionId: String(run.id) }}>{run.workflow_name}</Link>
          <ExecutionStatusChip {...run} />
          <Text span size="xs" c="dimmed"><Time at={run.created_at} /></Text>
        </li>
      ))}
      {runs.data.pagination.hasMore && <li><Link to="/executions" search={search}>{texts.runs}: {runs.data.pagination.total}</Link></li>}
    </ul>
  );
}
