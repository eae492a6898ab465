import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { api, take } from "../../api/client";
import { ErrorState, RowsLoading } from "../../ui/states";
import classes from "./data.module.css";
import { texts } from "./texts";

const Decisions = lazy(() => import("../executions").then((executions) => ({ default: executions.Decisions })));

const words = texts.submissions;

/** For each workflow that listens to answers: what became of this one, and why. Asked for by one press, for it looks into each. */
export function WhyNot({ submissionId }: { submissionId: number }) {
  const [isOpen, setOpen] = useState(false);
  const workflows = useQuery({ queryKey: ["workflows", "of answers"], enabled: isOpen, queryFn: () => take(api.GET("/api/workflows", { params: { query: { trigger_event: "submission_completed", limit: 30 } } })) });
  if (!isOpen) return <Button variant="default" size="xs" onClick={() => setOpen(true)}>{words.whyNot}</Button>;
  if (workflows.error) return <ErrorState error={workflows.error} again={() => void workflows.refetch()} />;
  if (!workflows.data) return <RowsLoading rows={2} />;
  const { data: listening, pagination } = workflows.data;
  if (listening.length === 0) return <Text size="sm" c="dimmed">{words.noneListens}</Text>;
  return (
    <dl className={classes["answers"]} aria-label={words.whyNot}>
      {listening.map(({ id, name }) => (
        <div key={id}>
          <dt><Link to="/workflows/$workflowId" params={{ workflowId: String(id) }} className="plain"><Text span size="sm" fw={600}>{name}</Text></Link></dt>
          <dd><Suspense fallback={<RowsLoading rows={1} />}><Decisions workflowId={id} about={{ submissionId }} /></Suspense></dd>
        </div>
      ))}
      {pagination.total > listening.length && <Text size="xs" c="dimmed">{words.someOf(listening.length, pagination.total)}</Text>}
    </dl>
  );
}
