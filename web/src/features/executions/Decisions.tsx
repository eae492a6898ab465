import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import createClient from "openapi-fetch";
import { take } from "../../api/client";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { RowsLoading } from "../../ui/states";
import { Time } from "../../ui/Time";
import { Conditions } from "./Conditions";
import classes from "./executions.module.css";
import type { Verdict } from "./journal";
import { texts } from "./texts";

export type Decision = { reason: string; message: string; at: string; executionId?: number; conditions?: Verdict[] };
export type About = { submissionId?: number; contactId?: number; eventId?: string };

type Paths = {
  "/api/workflows/{id}/decisions": {
    get: { parameters: { path: { id: number }; query?: About }; responses: { 200: { content: { "application/json": { success: boolean; data: Decision[] } } } } };
  };
};

const decisions = createClient<Paths>({ baseUrl: "" });
const words = texts.decisions;

function toneOf(reason: string): Tone {
  return reason === "executed" ? "good" : /limit|drop|debounce|superseded/.test(reason) ? "waiting" : "quiet";
}

/** Why a workflow ran, or did not: in sentences, with the conditions that decided. */
export function Decisions({ workflowId, about }: { workflowId: number; about: About }) {
  const query = useQuery({ queryKey: ["decisions", workflowId, about], queryFn: () => take(decisions.GET("/api/workflows/{id}/decisions", { params: { path: { id: workflowId }, query: about } })) });
  if (query.error) return <Text size="sm" c="dimmed">{query.error.message}</Text>;
  if (!query.data) return <RowsLoading rows={1} />;
  if (query.data.data.length === 0) return <Text size="sm" c="dimmed">{words.none}</Text>;
  return (
    <ul className={classes["decisions"]}>
      {query.data.data.map((decision, index) => (
        <li key={index}>
          <StatusChip tone={toneOf(decision.reason)}>{decision.message}</StatusChip>
          <Text size="xs" c="dimmed" pl={15}>
            <Time at={decision.at} />
            {decision.executionId !== undefined && <> · <Link to="/executions/$executionId" params={{ executionId: String(decision.executionId) }}>{words.run(decision.executionId)}</Link></>}
          </Text>
          {decision.conditions && decision.conditions.length > 0 && <div style={{ padding: "6px 0 2px 15px" }}><Conditions verdict={{ result: false, conditions: decision.conditions }} isTop={false} /></div>}
        </li>
      ))}
    </ul>
  );
}
