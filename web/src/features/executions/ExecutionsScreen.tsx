import { Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, type Schema, take } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { type Column, DataTable } from "../../ui/DataTable";
import { EventName } from "../../ui/events";
import { ExecutionStatusChip } from "../../ui/executionStatus";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { stoppedIn } from "../../ui/stopped";
import { Countdown, duration, Time } from "../../ui/Time";
import { BulkBar } from "./BulkBar";
import { ChoiceContext, Choose, ChooseAll } from "./Choosing";
import { ExecutionFilters } from "./ExecutionFilters";
import { queryOf } from "./query";
import { texts } from "./texts";

type Execution = Schema<"Execution">;

const words = texts.columns;

export function ExecutionsScreen() {
  const { filters } = useFilters();
  const mayEdit = useMay("editor");
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const pages = usePages(["executions", "list", filters], (cursor) => take(api.GET("/api/workflow-executions", { params: { query: queryOf(filters, cursor) } })));
  const { rows } = pages;
  const choice = useMemo(() => ({ chosen, shown: rows?.map((row) => row.id) ?? [], set: setChosen }), [chosen, rows]);
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <Page title={texts.title}>
      <ExecutionFilters />
      {chosen.size > 0 && <BulkBar ids={[...chosen]} clear={() => setChosen(new Set())} />}
      <ChoiceContext value={choice}>
        <DataTable
          label={texts.title} pages={pages} columns={mayEdit ? choosable : columns} keyOf={(row) => row.id}
          empty={<EmptyState {...(isFiltered ? texts.nothing : texts.empty)} />}
        />
      </ChoiceContext>
    </Page>
  );
}

const columns: Column<Execution>[] = [
  { title: words.workflow, cell: (row) => <Name execution={row} /> },
  { title: words.status, width: 185, cell: (row) => <Status execution={row} /> },
  { title: words.event, from: "lg", width: 200, cell: (row) => <EventName event={row.trigger_event} /> },
  { title: words.begun, from: "sm", width: 140, cell: (row) => <Time at={row.created_at} /> },
  { title: words.took, from: "md", width: 100, isNumber: true, cell: (row) => duration(row.duration_ms) },
];

const choosable: Column<Execution>[] = [{ title: words.select, width: 44, head: <ChooseAll />, cell: ({ id }) => <Choose id={id} /> }, ...columns];

function Name({ execution }: { execution: Execution }) {
  const why = execution.error ?? stoppedIn(execution.result)?.reason;
  return (
    <Link to="/executions/$executionId" params={{ executionId: String(execution.id) }} className="plain">
      <Text span size="sm" fw={500}>{execution.workflow_name}</Text> <Text span size="xs" c="dimmed" className="numbers">#{execution.id}</Text>
      {why && <Text size="xs" c="dimmed" lineClamp={1}>{why}</Text>}
    </Link>
  );
}

function Status({ execution }: { execution: Execution }) {
  return (
    <Group gap="0 8px">
      <ExecutionStatusChip {...execution} />
      {execution.wake_at && <Text span size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}><Countdown until={execution.wake_at} over={texts.detail.due} /></Text>}
    </Group>
  );
}
