import { Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { NewRecord, useOpenRecord } from "../../ui/OpenRecord";
import { type Field, RecordForm, toldByForm } from "../../ui/RecordForm";
import { ShownOnce } from "../../ui/ShownOnce";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { roleChoices } from "./roles";
import { texts } from "./texts";

const words = texts.keys;
const touches = ["keys"];
const fields: Field[] = [
  { name: "name", label: words.name, isRequired: true },
  { name: "role", label: words.role, kind: "select", choices: roleChoices, isRequired: true, hint: texts.roleHint },
];

export function Keys() {
  const record = useOpenRecord();
  const { dialog, confirm } = useConfirm();
  const [key, setKey] = useState<string | null>(null);
  const pages = usePages(["keys"], (cursor) => take(api.GET("/api/api-keys", { params: { query: { ...(cursor && { cursor }) } } })));
  const create = useAction((body: Schema<"ApiKeyIn">) => takeData(api.POST("/api/api-keys", { body })), { touches, failed: toldByForm });
  const revoke = useAction((id: number) => take(api.DELETE("/api/api-keys/{id}", { params: { path: { id } } })), { touches, done: words.revoked });
  const columns: Column<Schema<"ApiKey">>[] = [
    { title: words.name, cell: (row) => <Text size="sm" fw={500}>{row.name}</Text> },
    { title: words.role, width: 130, cell: (row) => texts.roles[row.role] },
    { title: words.prefix, from: "sm", cell: (row) => <Text size="xs" c="dimmed" ff="monospace">{row.prefix}…</Text> },
    { title: words.used, from: "sm", width: 140, cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} /> : words.never) },
    { title: words.actions, width: 110, isNumber: true, cell: (row) => <Button size="compact-xs" variant="default" aria-label={`${words.revoke}: ${row.name}`} onClick={() => confirm(words.revokeConfirm(row.name), () => revoke.mutate(row.id))}>{words.revoke}</Button> },
  ];
  return (
    <>
      {dialog}
      <Group justify="flex-end" mb="sm"><Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button></Group>
      <DataTable label={texts.tabs.keys} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...words.empty} />} />
      <NewRecord title={words.new} isOpen={record.isNew} close={record.close}>
        <RecordForm fields={fields} initial={{}} action={texts.create} save={async (values) => {
          const made = await create.mutateAsync(values as Schema<"ApiKeyIn">);
          record.close();
          setKey(made.key);
        }} />
      </NewRecord>
      <ShownOnce title={words.made} hint={words.madeHint} copy={words.copy} copied={words.copied} value={key} close={() => setKey(null)} />
    </>
  );
}
