import { Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMemo } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { useActorName } from "../../ui/actors";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { ButtonLink } from "../../ui/links";
import { NewRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { type Field, RecordForm, toldByForm, type Values } from "../../ui/RecordForm";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { reasonTones, sourceText, type Suppression } from "./suppression";
import { texts } from "./texts";

const words = texts.suppressions;
const touches = ["suppressions"];
const reasons = Object.entries(words.reasons).map(([value, label]) => ({ value, label }));
const fields: Field[] = [
  { name: "address", label: words.columns.address, kind: "email", isRequired: true },
  { name: "detail", label: words.detail, hint: words.detailHint },
];

/** The addresses that get no mail, or no marketing. Viewers do not read who has said no. */
export function SuppressionsScreen() {
  const mayEdit = useMay("editor");
  return mayEdit ? <Suppressions /> : <Page title={words.title}><div className="panel"><EmptyState {...words.forEditors} /></div></Page>;
}

function Suppressions() {
  const { filters: { q, reason } } = useFilters();
  const record = useOpenRecord();
  const { dialog, confirm } = useConfirm();
  const nameOf = useActorName();
  const pages = usePages(["suppressions", q, reason], (cursor) => take(api.GET("/api/suppressions", {
    params: { query: { ...(q && { q }), ...(reason && { reason: reason as Suppression["reason"] }), ...(cursor && { cursor }) } },
  })));
  const remove = useAction((id: number) => take(api.DELETE("/api/suppressions/{id}", { params: { path: { id } } })), { touches, done: words.removed });
  const off = remove.mutate;
  const columns = useMemo((): Column<Suppression>[] => [
    { title: words.columns.address, cell: (row) => <><Text size="sm" fw={500}>{row.address}</Text>{row.detail && <Text size="xs" c="dimmed" lineClamp={2}>{row.detail}</Text>}</> },
    { title: words.columns.reason, width: 190, cell: (row) => <Reason reason={row.reason} /> },
    { title: words.columns.source, from: "sm", width: 170, cell: (row) => <Text size="sm">{row.source === "api" && row.created_by ? nameOf(row.created_by) : sourceText(row.source)}</Text> },
    { title: words.columns.since, from: "sm", width: 140, cell: (row) => <Time at={row.created_at} /> },
    { title: words.columns.actions, width: 100, isNumber: true, cell: (row) => <Button size="compact-xs" variant="subtle" aria-label={`${words.remove}: ${row.address}`} onClick={() => confirm(words.removeConfirm(row.address, row.reason), () => off(row.id))}>{words.remove}</Button> },
  ], [confirm, nameOf, off]);
  const add = <Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button>;
  return (
    <Page title={words.title} hint={words.hint} actions={add}>
      {dialog}
      <Group mb="sm" gap="xs">
        <SearchBox label={words.search} />
        <FilterSelect name="reason" label={words.columns.reason} choices={reasons} />
      </Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={q || reason ? <EmptyState {...texts.nothing} /> : <EmptyState {...words.empty} action={<ButtonLink to="/settings" search={{ tab: "email" }} variant="default">{words.settings}</ButtonLink>} />} />
      <Adding isOpen={record.isNew} close={record.close} />
    </Page>
  );
}

/** Why, and what that stops; in whole words also where there is little room. */
function Reason({ reason }: { reason: Suppression["reason"] }) {
  return (
    <div style={{ whiteSpace: "nowrap" }}>
      <StatusChip tone={reasonTones[reason]}>{words.reasons[reason]}</StatusChip>
      <Text size="xs" c="dimmed" pl={15}>{words.stops[reason]}</Text>
    </div>
  );
}

function Adding({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const create = useAction((values: Values) => takeData(api.POST("/api/suppressions", { body: values as Schema<"NewSuppression"> })), { touches, done: words.added, failed: toldByForm });
  return (
    <NewRecord title={words.new} isOpen={isOpen} close={close}>
      <Text size="sm" c="dimmed" mb="md">{words.newHint}</Text>
      <RecordForm fields={fields} initial={{}} action={words.add} save={async (values) => { await create.mutateAsync(values); close(); }} />
    </NewRecord>
  );
}
