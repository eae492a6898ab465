import { Badge, Group, Select, Stack, Text, Title } from "@mantine/core";
import { IconChevronLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { api, type Schema, take, takeData } from "../../api/client";
import { useMay } from "../../api/session";
import { useActorName } from "../../ui/actors";
import { useFilters } from "../../ui/filters";
import { AnchorLink } from "../../ui/links";
import { Page } from "../../ui/Page";
import { EmptyState, ErrorState, RowsLoading } from "../../ui/states";
import { Time } from "../../ui/Time";
import { MoveRuns } from "./MoveRuns";
import { texts } from "./texts";
import classes from "./workflows.module.css";

const words = texts.versions;
const DRAFT = "draft";

/** Every version that was live, what is different between any two of them, and the runs that still wait on older ones. */
export function VersionsScreen() {
  const { workflowId } = useParams({ strict: false });
  const id = Number(workflowId);
  const mayEdit = useMay("editor");
  const workflow = useQuery({ queryKey: ["workflows", "one", id], queryFn: () => takeData(api.GET("/api/workflows/{id}", { params: { path: { id }, query: { archived: true } } })) });
  const versions = useQuery({ queryKey: ["workflows", "versions", id], queryFn: () => take(api.GET("/api/workflows/{id}/versions", { params: { path: { id }, query: { limit: 200 } } })) });
  const back = (
    <AnchorLink to="/workflows/$workflowId" params={{ workflowId: String(id) }} size="sm" c="dimmed" style={{ display: "inline-flex", alignItems: "center", gap: 2, marginBottom: 8 }}>
      <IconChevronLeft size={15} aria-hidden />{workflow.data?.name ?? texts.title}
    </AnchorLink>
  );
  const error = workflow.error ?? versions.error;
  const again = () => void Promise.all([workflow.refetch(), versions.refetch()]);
  if (!workflow.data || !versions.data) return <Page title={words.title} above={back} size={1000}><div className="panel">{error ? <ErrorState error={error} again={again} /> : <RowsLoading />}</div></Page>;
  const { data: list } = versions.data;
  if (list.length === 0) return <Page title={words.title} above={back} size={1000}><div className="panel"><EmptyState {...words.empty} /></div></Page>;
  return (
    <Page title={words.title} above={back} size={1000}>
      {(list.length > 1 || workflow.data.has_draft) && <Comparing workflow={workflow.data} versions={list} />}
      {mayEdit && workflow.data.published_version > 1 && <MoveRuns workflowId={id} version={workflow.data.published_version} />}
      <Title order={2} mt="lg" mb="xs">{words.all}</Title>
      <Versions versions={list} />
    </Page>
  );
}

type Version = Schema<"VersionSummary">;

function Comparing({ workflow, versions }: { workflow: Schema<"Workflow">; versions: Version[] }) {
  const { filters, set } = useFilters();
  const choices = [...(workflow.has_draft ? [{ value: DRAFT, label: words.draft }] : []), ...versions.map(({ number, is_published: isLive }) => ({ value: String(number), label: isLive ? words.live(number) : words.number(number) }))];
  const known = (text: string | undefined) => choices.find(({ value }) => value === text)?.value;
  // The newest side beside the one before it: what changed last.
  const after = known(filters["to"]) ?? choices[0]?.value ?? "1";
  const before = known(filters["from"]) ?? choices[choices.findIndex(({ value }) => value === after) + 1]?.value ?? after;
  const comparison = useQuery({
    queryKey: ["workflows", "comparison", workflow.id, workflow.version, before, after],
    enabled: before !== after,
    queryFn: () => takeData(api.GET("/api/workflows/{id}/versions/{number}/diff/{other}", { params: { path: { id: workflow.id, number: before, other: after } } })),
  });
  return (
    <section className="panel" style={{ padding: 16 }} aria-label={words.compare}>
      <Group gap="sm" align="flex-end" mb="md">
        <Select label={words.from} allowDeselect={false} data={choices} value={before} onChange={(from) => set({ from: from ?? undefined })} w={190} />
        <Select label={words.to} allowDeselect={false} data={choices} value={after} onChange={(to) => set({ to: to ?? undefined })} w={190} />
      </Group>
      {before === after
        ? <Text size="sm" c="dimmed">{words.same}</Text>
        : comparison.data ? <Changes changes={comparison.data.changes} /> : comparison.error ? <ErrorState error={comparison.error} again={() => void comparison.refetch()} /> : <RowsLoading rows={3} />}
    </section>
  );
}

const colors: Record<Schema<"ChangeKindName">, string> = { added: "teal", removed: "red", moved: "blue", changed: "yellow" };

function Changes({ changes }: { changes: Schema<"WorkflowChange">[] }) {
  if (changes.length === 0) return <Text size="sm" c="dimmed">{words.noDifference}</Text>;
  return (
    <ul className={classes["changes"]}>
      {changes.map((change) => (
        <li key={`${change.kind} ${change.path}`}>
          <Badge size="sm" variant="light" tt="none" color={colors[change.kind]} c="var(--mantine-color-text)" miw={74}>{words.kinds[change.kind]}</Badge>
          <Text size="sm" style={{ overflowWrap: "anywhere", minWidth: 0 }}>{change.message}</Text>
        </li>
      ))}
    </ul>
  );
}

function Versions({ versions }: { versions: Version[] }) {
  const nameOf = useActorName();
  return (
    <Stack gap={0} component="ol" className={`panel ${classes["versions"] ?? ""}`} aria-label={words.all}>
      {versions.map((version) => (
        <li key={version.number}>
          <Group justify="space-between" gap="sm">
            <Group gap="sm">
              <Text size="sm" fw={600}>{words.number(version.number)}</Text>
              {version.is_published && <Badge size="sm" variant="light" color="teal" c="var(--mantine-color-text)" tt="none">{words.isLive}</Badge>}
            </Group>
            <Text size="xs" c="dimmed">{version.created_by && `${nameOf(version.created_by)} · `}<Time at={version.created_at} /></Text>
          </Group>
          {version.note && <Text size="sm" mt={2} style={{ overflowWrap: "anywhere" }}>{version.note}</Text>}
        </li>
      ))}
    </Stack>
  );
}
