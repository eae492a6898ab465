import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Schema, takeData } from "../../api/client";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { RowsLoading } from "../../ui/states";
import { Time } from "../../ui/Time";
import { Conditions } from "./Conditions";
import classes from "./executions.module.css";
import type { Verdict } from "./journal";
import { texts as shared } from "../../ui/texts";
import { texts } from "./texts";

type Decision = Schema<"Decision">;
export type About = { submissionId?: number; contactId?: number; eventId?: string };

/** The server tells this many, the newest. */
const MOST = 50;

const words = texts.decisions;

const tones: Partial<Record<Decision["reason"], Tone>> = {
  executed: "good", conditions_undecided: "bad", loop_stopped: "bad", rate_limited: "waiting", concurrency_limit: "waiting", debounced: "waiting", quieting: "waiting", already_enrolled: "waiting",
};

/** Why a workflow ran, or did not: in sentences, with the conditions that decided. */
export function Decisions({ workflowId, about }: { workflowId: number; about: About }) {
  const query = useQuery({ queryKey: ["decisions", workflowId, about], queryFn: () => takeData(api.GET("/api/workflows/{id}/decisions", { params: { path: { id: workflowId }, query: about } })) });
  if (query.error) return <Failed error={query.error} again={() => void query.refetch()} />;
  if (!query.data) return <RowsLoading rows={1} />;
  if (query.data.length === 0) return <Text size="sm" c="dimmed">{Object.keys(about).length === 0 ? words.noneRefused : words.none}</Text>;
  return (
    <ul className={classes["decisions"]}>
      {query.data.map((decision, index) => (
        <li key={index}>
          <StatusChip tone={tones[decision.reason] ?? "quiet"}>{decision.message}</StatusChip>
          <Text size="xs" c="dimmed" pl={15}>
            <Time at={decision.at} />
            {typeof decision.executionId === "number" && <> · <Link to="/executions/$executionId" params={{ executionId: String(decision.executionId) }}>{words.run(decision.executionId)}</Link></>}
          </Text>
          {decision.conditions && decision.conditions.length > 0 && <div style={{ padding: "6px 0 2px 15px" }}><Conditions verdict={{ result: false, conditions: decision.conditions as unknown as Verdict[] }} isTop={false} /></div>}
        </li>
      ))}
      {query.data.length >= MOST && <li><Text size="xs" c="dimmed">{words.limited(MOST)}</Text></li>}
    </ul>
  );
}

function Failed({ error, again }: { error: Error; again: () => void }) {
  return (
    <Group gap="sm" role="alert">
      <Text size="sm" c="var(--mantine-color-error)">{words.failed} {error.message}</Text>
      <Button size="compact-xs" variant="default" onClick={again}>{shared.again}</Button>
    </Group>
  );
}
