import { Button, FileButton, Group, Text } from "@mantine/core";
import { IconPlus, IconTemplate, IconUpload } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { type DragEvent, useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { type Column, DataTable } from "../../ui/DataTable";
import { EventName } from "../../ui/events";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { importFiles } from "./files";
import { texts } from "./texts";
import { Trend } from "./Trend";
import { WorkflowMenu } from "./WorkflowMenu";
import { WorkflowState } from "./WorkflowState";
import classes from "./workflows.module.css";
import { ButtonLink } from "../../ui/links";

type Workflow = Schema<"Workflow">;

const words = texts.columns;

const columns: Column<Workflow>[] = [
  { title: words.name, cell: (row) => <Name workflow={row} /> },
  { title: texts.state.label, width: 110, cell: (row) => <WorkflowState workflow={row} /> },
  { title: words.trigger, from: "md", width: 200, cell: (row) => <EventName event={row.trigger_event} /> },
  { title: words.last, from: "sm", width: 140, cell: (row) => (row.last_executed_at ? <Time at={row.last_executed_at} /> : <Text size="sm" c="dimmed">{texts.never}</Text>) },
  { title: words.trend, from: "lg", width: 120, cell: (row) => <Trend workflowId={row.id} /> },
  { title: words.runs, from: "sm", width: 90, isNumber: true, cell: (row) => <Runs workflow={row} /> },
  { title: words.success, from: "sm", width: 90, isNumber: true, cell: (row) => <Success workflow={row} /> },
  { title: words.actions, width: 56, isNumber: true, cell: (row) => <WorkflowMenu workflow={row} /> },
];

export function WorkflowsScreen() {
  const { filters } = useFilters();
  const mayEdit = useMay("editor");
  const pages = usePages(["workflows", "list", filters], (cursor) => take(api.GET("/api/workflows", { params: { query: queryOf(filters, cursor) } })));
  const imports = useAction(importFiles, { touches: ["workflows"], done: texts.imported });
  const isFiltered = Boolean(filters["q"] ?? filters["state"]);
  const empty = isFiltered
    ? <EmptyState {...texts.nothing} />
    : <EmptyState {...texts.empty} action={mayEdit && <ButtonLink to="/templates" leftSection={<IconTemplate size={16} />}>{texts.fromTemplate}</ButtonLink>} />;
  return (
    <DropTarget isOpen={mayEdit} take={(files) => imports.mutate(files)}>
      <Page title={texts.title} actions={mayEdit && <Actions take={(files) => imports.mutate(files)} isBusy={imports.isPending} />}>
        <Group mb="sm" gap="xs">
          <SearchBox label={texts.search} />
          <FilterSelect name="state" label={texts.state.label} choices={[
            { value: "active", label: texts.filters.active },
            { value: "inactive", label: texts.filters.inactive },
            { value: "archived", label: texts.filters.archived },
          ]} />
        </Group>
        <DataTable label={texts.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={empty} />
        {mayEdit && <Text size="xs" c="dimmed" mt="sm" visibleFrom="sm">{texts.importHint}</Text>}
      </Page>
    </DropTarget>
  );
}

function queryOf({ q, state }: ReturnType<typeof useFilters>["filters"], cursor: string | undefined) {
  return {
    ...(q && { q }),
    ...(state === "active" && { active: true }),
    ...(state === "inactive" && { active: false }),
    ...(state === "archived" && { archived: true }),
    ...(cursor && { cursor }),
  };
}

function Actions({ take: takeFiles, isBusy }: { take: (files: File[]) => void; isBusy: boolean }) {
  const navigate = useNavigate();
  const create = useAction(() => takeData(api.POST("/api/workflows", { params: { query: { draft: true } }, body: blank() })), { touches: ["workflows"] });
  const open = () => create.mutate(undefined, { onSuccess: (made) => void navigate({ to: "/workflows/$workflowId/edit", params: { workflowId: String(made.id) } }) });
  return (
    <>
      <FileButton multiple accept="application/json,.json" onChange={takeFiles}>
        {(props) => <Button {...props} variant="default" leftSection={<IconUpload size={16} />} loading={isBusy}>{texts.import}</Button>}
      </FileButton>
      <ButtonLink to="/templates" variant="default" leftSection={<IconTemplate size={16} />}>{texts.fromTemplate}</ButtonLink>
      <Button leftSection={<IconPlus size={16} />} onClick={open} loading={create.isPending}>{texts.blank}</Button>
    </>
  );
}

/** Saved as a draft: it has no step yet, and is published when it has. */
function blank(): Schema<"WorkflowFields"> {
  return { name: texts.blankName, trigger_event: "submission_completed", conditions: [], actions: [] };
}

function Name({ workflow }: { workflow: Workflow }) {
  return (
    <>
      <Link to="/workflows/$workflowId" params={{ workflowId: String(workflow.id) }} className="plain"><Text span fw={500} size="sm">{workflow.name}</Text></Link>
      {workflow.has_draft && <Text size="xs" c="dimmed">{texts.state.draft}</Text>}
    </>
  );
}

function Runs({ workflow }: { workflow: Workflow }) {
  return <Link to="/executions" search={{ workflowId: String(workflow.id) }} className="plain">{workflow.execution_count.toLocaleString()}</Link>;
}

function Success({ workflow }: { workflow: Workflow }) {
  const ended = workflow.success_count + workflow.failure_count;
  if (ended === 0) return <Text size="sm" c="dimmed">—</Text>;
  const text = `${((100 * workflow.success_count) / ended).toFixed(workflow.failure_count === 0 ? 0 : 1)} %`;
  if (workflow.failure_count === 0) return <>{text}</>;
  return <Link to="/executions" search={{ workflowId: String(workflow.id), status: "failed" }} className="plain">{text}</Link>;
}

/** Workflow files may be dropped anywhere on the screen. */
function DropTarget({ isOpen, take: takeFiles, children }: { isOpen: boolean; take: (files: File[]) => void; children: React.ReactNode }) {
  const [isOver, setOver] = useState(false);
  if (!isOpen) return children;
  const over = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files.length > 0) takeFiles([...event.dataTransfer.files]);
  };
  return (
    <div onDragOver={over} onDragLeave={() => setOver(false)} onDrop={drop} className={classes["drop"]} data-over={isOver || undefined} data-hint={texts.drop}>
      {children}
    </div>
  );
}
