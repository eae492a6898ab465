import { Anchor, Box, Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { type Person, usePeople } from "../../api/people";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { useIsAway } from "../../ui/Away";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { type Filters, tidy, useFilters } from "../../ui/filters";
import { NewRecord, OpenRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { type Field, RecordForm, toldByForm, type Values, valuesOf } from "../../ui/RecordForm";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { Due } from "./Due";
import { RunsOf } from "./RunsOf";
import { texts } from "./texts";
import { AnchorLink } from "../../ui/links";

type Ticket = Schema<"Ticket">;

const words = texts.tickets;
const tones: Record<Ticket["status"], Tone> = { open: "moving", pending: "waiting", solved: "good", closed: "quiet" };
const choicesOf = (names: Record<string, string>) => Object.entries(names).map(([value, label]) => ({ value, label }));
const statuses = choicesOf(words.statuses);
const priorities = choicesOf(words.priorities);

/** `dueHint` says what an empty time means. */
function useFields(dueHint: string): Field[] {
  const people = usePeople();
  const isAway = useIsAway(people);
  return [
    { name: "title", label: words.fields.title, isRequired: true },
    { name: "description", label: words.fields.description, kind: "area" },
    { name: "status", label: words.fields.status, kind: "select", choices: statuses, isRequired: true, isHalf: true },
    { name: "priority", label: words.fields.priority, kind: "select", choices: priorities, isRequired: true, isHalf: true },
    { name: "assignee_id", label: words.fields.assignee_id, kind: "select", choices: people.map(({ id, name }) => ({ value: String(id), label: isAway(id) ? words.away(name) : name })) },
    { name: "due_at", label: words.fields.due_at, kind: "moment", hint: dueHint, isShown: (values) => values["status"] === "open" },
    { name: "tags", label: words.fields.tags, kind: "tags" },
  ];
}

/** A choice in the form is text, in the API it is the person's id. */
function bodyOf(values: Values): Schema<"TicketFields"> {
  const assignee = values["assignee_id"];
  return { ...values, ...(assignee !== undefined && { assignee_id: assignee === null ? null : Number(assignee) }) } as Schema<"TicketFields">;
}

function queryOf({ q, status, priority, assigneeId, contactId, submissionId }: Filters, cursor: string | undefined) {
  return {
    ...(q && { q }),
    ...(status && { status: status as Ticket["status"] }),
    ...(priority && { priority: priority as Ticket["priority"] }),
    ...(assigneeId && { assigneeId: Number(assigneeId) }),
    ...(contactId && { contactId: Number(contactId) }),
    ...(submissionId && { submissionId: Number(submissionId) }),
    ...(cursor && { cursor }),
  };
}

function assigneeName(id: number | null | undefined, people: Person[]): string {
  return id ? (people.find((one) => one.id === id)?.name ?? `#${id}`) : words.nobody;
}

export function TicketsScreen() {
  const { filters, set } = useFilters();
  const mayEdit = useMay("editor");
  const record = useOpenRecord();
  const people = usePeople();
  const narrowing = tidy({ ...filters, open: undefined });
  const pages = usePages(["tickets", narrowing], (cursor) => take(api.GET("/api/tickets", { params: { query: queryOf(narrowing, cursor) } })));
  const { open } = record;
  const columns = useMemo((): Column<Ticket>[] => [
    { title: words.columns.title, cell: (row) => <><Anchor component="button" size="sm" c="inherit" fw={500} ta="start" onClick={() => open(row.id)}>{row.title}</Anchor><Box hiddenFrom="sm"><Due ticket={row} isNamed /></Box></> },
    { title: words.columns.status, width: 110, cell: (row) => <span style={{ whiteSpace: "nowrap" }}><StatusChip tone={tones[row.status]}>{words.statuses[row.status]}</StatusChip></span> },
    { title: words.columns.priority, from: "sm", width: 100, cell: (row) => <Text size="sm" fw={row.priority === "urgent" || row.priority === "high" ? 600 : 400}>{words.priorities[row.priority]}</Text> },
    { title: words.columns.due, from: "sm", width: 150, cell: (row) => <Due ticket={row} /> },
    { title: words.columns.assignee, from: "md", cell: (row) => <Text size="sm" c={row.assignee_id ? undefined : "dimmed"}>{assigneeName(row.assignee_id, people)}</Text> },
    { title: words.columns.changed, from: "md", width: 140, cell: (row) => <Time at={row.updated_at} /> },
  ], [open, people]);
  const origin = (["contactId", "submissionId"] as const).find((name) => filters[name]);
  return (
    <Page title={words.title} actions={mayEdit && <Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button>}>
      <Group mb="sm" gap="xs">
        <SearchBox label={words.search} />
        <FilterSelect name="status" label={words.columns.status} choices={statuses} />
        <FilterSelect name="priority" label={words.columns.priority} choices={priorities} />
        <FilterSelect name="assigneeId" label={words.columns.assignee} choices={people.map(({ id, name }) => ({ value: String(id), label: name }))} />
        {origin && <Button size="sm" variant="light" onClick={() => set({ [origin]: undefined })}>{origin === "contactId" ? words.contact : words.submission} #{filters[origin]} ×</Button>}
      </Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(Object.keys(narrowing).length > 0 ? texts.nothing : words.empty)} />} />
      <Opened {...record} />
      <NewTicket {...record} />
    </Page>
  );
}

function Opened({ id, close }: ReturnType<typeof useOpenRecord>) {
  const query = useQuery({ queryKey: ["tickets", "one", id], enabled: id !== undefined, queryFn: () => takeData(api.GET("/api/tickets/{id}", { params: { path: { id: id ?? 0 } } })) });
  return <OpenRecord title={query.data ? `${words.one} #${query.data.id}` : words.one} isOpen={id !== undefined} close={close} query={query}>{(ticket) => <TicketDetail key={ticket.version} ticket={ticket} />}</OpenRecord>;
}

function TicketDetail({ ticket }: { ticket: Ticket }) {
  const mayEdit = useMay("editor");
  const fields = useFields(words.dueHint);
  const save = useAction((values: Values) => takeData(api.PATCH("/api/tickets/{id}", { params: { path: { id: ticket.id } }, body: bodyOf(values) })), { touches: ["tickets"], done: texts.saved, failed: toldByForm });
  const maker = /^execution:(\d+)$/.exec(ticket.created_by ?? "")?.[1];
  return (
    <>
      {ticket.due_at && <Box mb="sm"><Due ticket={ticket} isNamed /></Box>}
      <RecordForm fields={fields} initial={valuesOf(ticket, fields)} save={save.mutateAsync} isReadOnly={!mayEdit} />
      <Group mt="lg" gap="lg">
        {ticket.contact_id && <AnchorLink to="/contacts" search={{ open: String(ticket.contact_id) }} size="sm">{words.contact} #{ticket.contact_id}</AnchorLink>}
        {ticket.submission_id && <AnchorLink to="/submissions/$submissionId" params={{ submissionId: String(ticket.submission_id) }} size="sm">{words.submission} #{ticket.submission_id}</AnchorLink>}
        {maker && <AnchorLink to="/executions/$executionId" params={{ executionId: maker }} size="sm">{words.madeBy} #{maker}</AnchorLink>}
      </Group>
      {(ticket.submission_id ?? ticket.contact_id) && (
        <>
          <Text size="sm" fw={600} mt="lg" mb={6}>{texts.runs}</Text>
          <RunsOf query={ticket.submission_id ? { submissionId: ticket.submission_id } : { contactId: ticket.contact_id ?? 0 }} />
        </>
      )}
    </>
  );
}

function NewTicket({ isNew, close, open }: ReturnType<typeof useOpenRecord>) {
  const fields = useFields(words.dueHintNew);
  const create = useAction((values: Values) => takeData(api.POST("/api/tickets", { body: bodyOf(values) })), { touches: ["tickets"], done: texts.made, failed: toldByForm });
  return (
    <NewRecord title={words.new} isOpen={isNew} close={close}>
      <RecordForm fields={fields} initial={{ status: "open", priority: "normal" }} action={texts.create} save={async (values) => open((await create.mutateAsync(values)).id)} />
    </NewRecord>
  );
}
