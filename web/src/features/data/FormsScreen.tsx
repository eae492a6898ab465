import { ActionIcon, Button, Group, Text } from "@mantine/core";
import { IconExternalLink, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { type Column, DataTable } from "../../ui/DataTable";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { texts } from "./texts";
import { AnchorLink } from "../../ui/links";

type Form = Schema<"Form">;

const words = texts.forms;

const columns: Column<Form>[] = [
  { title: words.columns.name, cell: (row) => <Link to="/forms/$formId" params={{ formId: String(row.id) }} className="plain"><Text span size="sm" fw={500}>{row.name}</Text></Link> },
  { title: words.columns.state, width: 100, cell: (row) => (row.is_active ? <StatusChip tone="good">{words.open}</StatusChip> : <StatusChip tone="quiet">{words.closed}</StatusChip>) },
  { title: words.answers, width: 100, cell: (row) => <AnchorLink to="/forms/$formId/answers" params={{ formId: String(row.id) }} size="sm">{words.answers}</AnchorLink> },
  { title: words.columns.address, from: "sm", cell: (row) => (
    <Group gap={4} wrap="nowrap">
      <Text size="sm" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>/f/{row.slug}</Text>
      <ActionIcon component="a" href={`/f/${row.slug}`} target="_blank" rel="noreferrer" variant="subtle" color="gray" size="sm" aria-label={`${words.public}: ${row.name}`}><IconExternalLink size={15} /></ActionIcon>
    </Group>
  ) },
  { title: words.columns.questions, from: "md", width: 100, isNumber: true, cell: (row) => row.questions.length },
  { title: words.columns.changed, from: "md", width: 140, cell: (row) => <Time at={row.updated_at} /> },
];

export function FormsScreen() {
  const { filters: { q } } = useFilters();
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const pages = usePages(["forms", "list", q], (cursor) => take(api.GET("/api/forms", { params: { query: { ...(q && { q }), ...(cursor && { cursor }) } } })));
  const create = useAction(() => takeData(api.POST("/api/forms", { body: starter() })), { touches: ["forms"] });
  const open = () => create.mutate(undefined, { onSuccess: ({ id }) => void navigate({ to: "/forms/$formId", params: { formId: String(id) } }) });
  return (
    <Page title={words.title} actions={mayEdit && <Button leftSection={<IconPlus size={16} />} loading={create.isPending} onClick={open}>{words.new}</Button>}>
      <Group mb="sm"><SearchBox label={words.search} /></Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(q ? texts.nothing : words.empty)} />} />
    </Page>
  );
}

/** Closed until its questions are written; the address can be changed in the editor. */
function starter(): Schema<"FormFields"> {
  return {
    name: words.newName,
    slug: `form-${Date.now().toString(36)}`,
    is_active: false,
    questions: [{ key: "q_nps", type: "nps", label: "How likely are you to recommend us?", required: true }],
  };
}
