import { Button, Group, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { filterText } from "./filter";
import { JobProgress } from "./JobProgress";
import { texts } from "./texts";

type Job = Schema<"Job">;

const words = texts.columns;
const tones: Record<Job["state"], Tone> = { running: "moving", paused: "waiting", completed: "good", cancelled: "quiet", failed: "bad" };
/** How often a list is read anew while one of its jobs runs: records that start nothing tell nothing. */
const PACE = 2_000;

export function JobsScreen() {
  const { filters } = useFilters();
  const { state, workflowId } = filters;
  const query = { ...(state && state in texts.states && { state: state as Job["state"] }), ...(workflowId && /^\d+$/.test(workflowId) && { workflowId: Number(workflowId) }) };
  const pages = usePages(["jobs", "list", query], (cursor) => take(api.GET("/api/jobs", { params: { query: { ...query, ...(cursor && { cursor }) } } })));
  useSteadyLook(pages.rows?.some((job) => job.state === "running") === true);
  const workflows = useQuery({ queryKey: ["workflows", "names"], queryFn: () => take(api.GET("/api/workflows", { params: { query: { limit: 200 } } })) });
  const names = new Map(workflows.data?.data.map(({ id, name }) => [id, name]));
  const columns: Column<Job>[] = [
    { title: words.workflow, cell: (job) => <Name job={job} name={names.get(job.workflow_id)} /> },
    { title: words.progress, width: "34%", from: "sm", cell: (job) => <JobProgress job={job} /> },
    { title: words.state, width: 130, cell: (job) => <State job={job} /> },
    { title: words.begun, width: 130, from: "md", cell: (job) => <Time at={job.created_at} /> },
    { title: words.actions, width: 170, isNumber: true, cell: (job) => <Actions job={job} /> },
  ];
  return (
    <Page title={texts.title} hint={texts.hint}>
      <Group mb="sm" gap="xs">
        <FilterSelect name="workflowId" label={texts.workflow} searchable choices={[...names].map(([id, name]) => ({ value: String(id), label: name }))} />
        <FilterSelect name="state" label={texts.state} choices={Object.entries(texts.states).map(([value, label]) => ({ value, label }))} />
      </Group>
      <DataTable label={texts.title} pages={pages} columns={columns} keyOf={(job) => job.id} empty={<EmptyState {...(Object.keys(query).length > 0 ? texts.nothing : texts.empty)} />} />
    </Page>
  );
}

function useSteadyLook(isWanted: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isWanted) return;
    const timer = window.setInterval(() => void client.invalidateQueries({ queryKey: ["jobs"] }), PACE);
    return () => window.clearInterval(timer);
  }, [client, isWanted]);
}

function Name({ job, name }: { job: Job; name: string | undefined }) {
  return (
    <>
      <Link to="/workflows/$workflowId" params={{ workflowId: String(job.workflow_id) }} className="plain"><Text span size="sm" fw={500}>{name ?? `#${job.workflow_id}`}</Text></Link>
      <Text size="xs" c="dimmed">{texts.kinds[job.kind]} · {texts.sources[job.source]}: {filterText(job.filter)}</Text>
      <Text size="xs" c="dimmed" hiddenFrom="sm" className="numbers">{texts.done(job.progress.seen, Math.max(job.total, job.progress.seen))}</Text>
      {job.error && <Text size="xs" c="var(--mantine-color-error)">{job.error}</Text>}
    </>
  );
}

function State({ job }: { job: Job }) {
  return (
    <>
      <StatusChip tone={tones[job.state]} isMoving={job.state === "running"}>{texts.states[job.state]}</StatusChip>
      {job.state === "running" && <Text size="xs" c="dimmed" pl={15} className="numbers">{texts.rate(job.rate)}</Text>}
    </>
  );
}

function Actions({ job }: { job: Job }) {
  const mayEdit = useMay("editor");
  const { dialog, confirm } = useConfirm();
  const path = { params: { path: { id: job.id } } };
  const touches = ["jobs"];
  const pause = useAction(() => takeData(api.POST("/api/jobs/{id}/pause", path)), { touches, done: texts.paused });
  const resume = useAction(() => takeData(api.POST("/api/jobs/{id}/resume", path)), { touches, done: texts.resumed });
  const cancel = useAction(() => takeData(api.POST("/api/jobs/{id}/cancel", path)), { touches, done: texts.cancelled });
  if (!mayEdit || (job.state !== "running" && job.state !== "paused")) return null;
  return (
    <Group gap={6} justify="flex-end" wrap="nowrap">
      {dialog}
      {job.state === "running"
        ? <Button size="compact-xs" variant="default" loading={pause.isPending} onClick={() => pause.mutate(undefined)}>{texts.pause}</Button>
        : <Button size="compact-xs" loading={resume.isPending} onClick={() => resume.mutate(undefined)}>{texts.resume}</Button>}
      <Button size="compact-xs" variant="subtle" color="gray" loading={cancel.isPending} onClick={() => confirm(texts.cancelConfirm, () => cancel.mutate(undefined))}>{texts.cancel}</Button>
    </Group>
  );
}
