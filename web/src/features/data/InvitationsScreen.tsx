import { Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, type Schema, take } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { useActorName } from "../../ui/actors";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { type Filters, tidy, useFilters } from "../../ui/filters";
import { AnchorLink, ButtonLink } from "../../ui/links";
import { NewRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { ShownOnce } from "../../ui/ShownOnce";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { contactName, useContact } from "./ContactSelect";
import { InviteForm } from "./InviteForm";
import { texts } from "./texts";

type Invitation = Schema<"Invitation">;

const words = texts.invitations;
const answers = [{ value: "true", label: words.answered }, { value: "false", label: words.open }];

function queryOf({ formId, contactId, answered }: Filters, cursor: string | undefined) {
  return {
    ...(formId && { formId: Number(formId) }),
    ...(contactId && { contactId: Number(contactId) }),
    ...(answered && { answered: answered === "true" }),
    ...(cursor && { cursor }),
  };
}

/** Every form by its name, open or not. */
function useForms(): Schema<"Form">[] | undefined {
  return useQuery({ queryKey: ["forms", "names"], staleTime: 60_000, queryFn: () => take(api.GET("/api/forms", { params: { query: { limit: 200 } } })) }).data?.data;
}

/** Who was asked to answer which form, and who has. */
export function InvitationsScreen() {
  const { filters, set } = useFilters();
  const mayEdit = useMay("editor");
  const record = useOpenRecord();
  const forms = useForms();
  const nameOf = useActorName();
  const [link, setLink] = useState<string | null>(null);
  const { formId, contactId } = filters;
  const narrowing = tidy({ formId, contactId, answered: filters["answered"] });
  const pages = usePages(["invitations", narrowing], (cursor) => take(api.GET("/api/invitations", { params: { query: queryOf(narrowing, cursor) } })));
  const columns = useMemo((): Column<Invitation>[] => [
    { title: words.columns.contact, cell: (row) => <ContactLink id={row.contact_id} /> },
    { title: words.columns.form, cell: (row) => <Link to="/forms/$formId" params={{ formId: String(row.form_id) }} className="plain"><Text span size="sm">{forms?.find(({ id }) => id === row.form_id)?.name ?? `#${row.form_id}`}</Text></Link> },
    { title: words.columns.sent, from: "sm", width: 190, cell: (row) => <><Text size="sm"><Time at={row.sent_at} /></Text>{row.sent_by && <Text size="xs" c="dimmed">{nameOf(row.sent_by)}</Text>}</> },
    { title: words.columns.answered, width: 170, cell: (row) => <Answered invitation={row} /> },
  ], [forms, nameOf]);
  const invite = mayEdit && <Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button>;
  return (
    <Page title={words.title} hint={words.hint} actions={invite}>
      <Group mb="sm" gap="xs">
        <FilterSelect name="formId" label={words.columns.form} choices={(forms ?? []).map(({ id, name }) => ({ value: String(id), label: name }))} searchable />
        <FilterSelect name="answered" label={words.columns.answered} choices={answers} />
        {contactId && <Button size="sm" variant="light" onClick={() => set({ contactId: undefined })}>{texts.tickets.contact} #{contactId} ×</Button>}
      </Group>
      <DataTable
        label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id}
        empty={Object.keys(narrowing).length > 0 ? <EmptyState {...texts.nothing} /> : <EmptyState {...words.empty} action={<ButtonLink to="/templates" variant="default">{words.templates}</ButtonLink>} />}
      />
      <NewRecord title={words.new} isOpen={record.isNew} close={record.close}>
        <InviteForm formId={formId ? Number(formId) : null} contactId={contactId ? Number(contactId) : null} made={(url) => { record.close(); setLink(url); }} />
      </NewRecord>
      <ShownOnce title={words.linkTitle} hint={words.linkHint} copy={words.copy} copied={texts.copied} value={link} close={() => setLink(null)} />
    </Page>
  );
}

/** The list names contacts by their ids; until one is read, and when it is gone, its id stands there. */
function ContactLink({ id }: { id: number }) {
  const contact = useContact(id);
  return <Link to="/contacts" search={{ open: String(id) }} className="plain"><Text span size="sm" fw={500}>{contact.data ? contactName(contact.data) : `#${id}`}</Text></Link>;
}

function Answered({ invitation: { answered_at, submission_id } }: { invitation: Invitation }) {
  if (!answered_at) return <StatusChip tone="waiting">{words.open}</StatusChip>;
  return (
    <>
      <StatusChip tone="good">{words.answered}</StatusChip>
      <Text size="xs" c="dimmed" pl={15}>
        {submission_id ? <AnchorLink to="/submissions/$submissionId" params={{ submissionId: String(submission_id) }} size="xs"><Time at={answered_at} /></AnchorLink> : <Time at={answered_at} />}
      </Text>
    </>
  );
}
