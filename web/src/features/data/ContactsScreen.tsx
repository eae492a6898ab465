import { Anchor, Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { useFilters } from "../../ui/filters";
import { JsonBlock } from "../../ui/JsonBlock";
import { NewRecord, OpenRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { type Field, RecordForm, toldByForm, type Values, valuesOf } from "../../ui/RecordForm";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { MailState } from "./MailState";
import { RunsOf } from "./RunsOf";
import { texts } from "./texts";
import { AnchorLink, ButtonLink } from "../../ui/links";

type Contact = Schema<"Contact">;

const words = texts.contacts;
const fields: Field[] = [
  { name: "name", label: words.fields.name },
  { name: "email", label: words.fields.email, kind: "email" },
  { name: "phone", label: words.fields.phone, isHalf: true },
  { name: "company", label: words.fields.company, isHalf: true },
  { name: "segment", label: words.fields.segment, isHalf: true },
  { name: "language", label: words.fields.language, isHalf: true },
  { name: "time_zone", label: words.fields.time_zone },
  { name: "tags", label: words.fields.tags, kind: "tags" },
];

export function ContactsScreen() {
  const { filters } = useFilters();
  const { q, segment } = filters;
  const mayEdit = useMay("editor");
  const record = useOpenRecord();
  const pages = usePages(["contacts", "list", q, segment], (cursor) => take(api.GET("/api/contacts", { params: { query: { ...(q && { q }), ...(segment && { segment }), ...(cursor && { cursor }) } } })));
  const { open } = record;
  const columns = useMemo((): Column<Contact>[] => [
    { title: words.columns.name, cell: (row) => <Anchor component="button" size="sm" c="inherit" fw={500} ta="start" onClick={() => open(row.id)}>{row.name ?? row.email ?? words.unnamed}</Anchor> },
    { title: words.columns.email, from: "sm", cell: (row) => <Text size="sm" c="dimmed">{row.email}</Text> },
    { title: words.columns.company, from: "md", cell: (row) => row.company },
    { title: words.columns.segment, cell: (row) => row.segment && <Link to="/contacts" search={{ segment: row.segment }} className="plain">{row.segment}</Link> },
    { title: words.columns.tags, from: "lg", cell: (row) => <Text size="sm" c="dimmed">{row.tags.join(", ")}</Text> },
    { title: words.columns.changed, from: "md", width: 140, cell: (row) => <Time at={row.updated_at} /> },
  ], [open]);
  return (
    <Page title={words.title} actions={mayEdit && <Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button>}>
      <Group mb="sm" gap="xs">
        <SearchBox label={words.search} />
        {segment && <ButtonLink to="/contacts" variant="light" size="sm">{words.segment}: {segment} ×</ButtonLink>}
      </Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(q || segment ? texts.nothing : words.empty)} />} />
      <Opened {...record} />
      <NewContact {...record} />
    </Page>
  );
}

function Opened({ id, close }: ReturnType<typeof useOpenRecord>) {
  const query = useQuery({ queryKey: ["contacts", "one", id], enabled: id !== undefined, queryFn: () => takeData(api.GET("/api/contacts/{id}", { params: { path: { id: id ?? 0 } } })) });
  return <OpenRecord title={query.data?.name ?? words.one} isOpen={id !== undefined} close={close} query={query}>{(contact) => <ContactDetail key={contact.version} contact={contact} close={close} />}</OpenRecord>;
}

function ContactDetail({ contact, close }: { contact: Contact; close: () => void }) {
  const mayEdit = useMay("editor");
  const { dialog, confirm } = useConfirm();
  const path = { params: { path: { id: contact.id } } };
  const save = useAction((body: Values) => takeData(api.PATCH("/api/contacts/{id}", { ...path, body: body as Schema<"ContactFields"> })), { touches: ["contacts"], done: texts.saved, failed: toldByForm });
  const remove = useAction(() => take(api.DELETE("/api/contacts/{id}", path)), { touches: ["contacts"], done: words.deleted });
  return (
    <>
      {dialog}
      {contact.email && <MailState email={contact.email} />}
      <RecordForm fields={fields} initial={valuesOf(contact, fields)} save={save.mutateAsync} isReadOnly={!mayEdit} />
      <Text size="sm" fw={600} mt="lg" mb={6}>{texts.runs}</Text>
      <RunsOf query={{ contactId: contact.id }} />
      <Group gap="lg">
        <AnchorLink to="/tickets" search={{ contactId: String(contact.id) }} size="sm">{words.tickets}</AnchorLink>
        <AnchorLink to="/invitations" search={{ contactId: String(contact.id) }} size="sm">{words.invitations}</AnchorLink>
      </Group>
      {Object.keys(contact.attributes).length > 0 && <><Text size="sm" fw={600} mt="lg" mb={6}>{words.attributes}</Text><JsonBlock value={contact.attributes} label={words.attributes} /></>}
      {Object.keys(contact.consents).length > 0 && <><Text size="sm" fw={600} mt="lg" mb={6}>{words.consents}</Text><JsonBlock value={contact.consents} label={words.consents} /></>}
      {mayEdit && <Group mt="xl"><Button variant="default" size="xs" onClick={() => confirm(words.deleteConfirm, () => remove.mutate(undefined, { onSuccess: close }))}>{texts.remove}</Button></Group>}
    </>
  );
}

function NewContact({ isNew, close, open }: ReturnType<typeof useOpenRecord>) {
  const create = useAction((body: Values) => takeData(api.POST("/api/contacts", { body: body as Schema<"ContactFields"> })), { touches: ["contacts"], done: texts.made, failed: toldByForm });
  return (
    <NewRecord title={words.new} isOpen={isNew} close={close}>
      <RecordForm fields={fields} initial={{}} action={texts.create} save={async (values) => open((await create.mutateAsync(values)).id)} />
    </NewRecord>
  );
}
