import { ActionIcon, Anchor, Button, Group, Menu, Select, Text } from "@mantine/core";
import { IconDots, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useMay, useSession } from "../../api/session";
import { AwayChip } from "../../ui/Away";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { NewRecord, useOpenRecord } from "../../ui/OpenRecord";
import { type Field, RecordForm, toldByForm } from "../../ui/RecordForm";
import { ShownOnce } from "../../ui/ShownOnce";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { OpenedPerson } from "./Person";
import { roleChoices } from "./roles";
import { texts } from "./texts";

type User = Schema<"User">;

const words = texts.people;
const touches = ["users"];
const fields: Field[] = [
  { name: "email", label: words.email, kind: "email", isRequired: true },
  { name: "name", label: words.name },
  { name: "role", label: words.role, kind: "select", choices: roleChoices, isRequired: true, hint: texts.roleHint },
];

export function People() {
  const isAdmin = useMay("admin");
  const session = useSession();
  const record = useOpenRecord();
  const [link, setLink] = useState<string | null>(null);
  const pages = usePages(["users"], (cursor) => take(api.GET("/api/users", { params: { query: { ...(cursor && { cursor }) } } })));
  const invite = useAction((body: Schema<"UserIn">) => takeData(api.POST("/api/users", { body })), { touches, done: words.invited, failed: toldByForm });
  const columns: Column<User>[] = [
    { title: words.name, cell: (row) => <><NameOf user={row} open={isAdmin ? record.open : undefined} /><Text size="xs" c="dimmed">{row.email}</Text><AwayChip away={row.away} /></> },
    { title: words.role, width: 180, cell: (row) => (isAdmin && row.id !== session.user?.id ? <RoleOf user={row} /> : texts.roles[row.role]) },
    { title: words.added, from: "sm", width: 140, cell: (row) => <Time at={row.created_at} /> },
    { title: words.actions, width: 56, isNumber: true, cell: (row) => isAdmin && <PersonMenu user={row} isSelf={row.id === session.user?.id} show={setLink} edit={() => record.open(row.id)} /> },
  ];
  return (
    <>
      {isAdmin && <Group justify="flex-end" mb="sm"><Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.invite}</Button></Group>}
      <DataTable label={texts.tabs.people} pages={pages} columns={columns} keyOf={(row) => row.id} empty={null} />
      {isAdmin && <OpenedPerson {...record} />}
      <NewRecord title={words.new} isOpen={record.isNew} close={record.close}>
        <RecordForm fields={fields} initial={{}} action={words.invite} save={async (values) => { await invite.mutateAsync(values as Schema<"UserIn">); record.close(); }} />
      </NewRecord>
      <ShownOnce title={words.linkTitle} hint={words.linkHint} copy={words.copy} copied={words.copied} value={link} close={() => setLink(null)} />
    </>
  );
}

function NameOf({ user, open }: { user: User; open: ((id: number) => void) | undefined }) {
  const name = user.name ?? user.email;
  return open ? <Anchor component="button" size="sm" c="inherit" fw={500} ta="start" onClick={() => open(user.id)}>{name}</Anchor> : <Text size="sm" fw={500}>{name}</Text>;
}

function RoleOf({ user }: { user: User }) {
  const change = useAction((role: User["role"]) => takeData(api.PATCH("/api/users/{id}", { params: { path: { id: user.id } }, body: { role, version: user.version } })), { touches, done: texts.saved });
  return <Select size="xs" aria-label={`${words.role}: ${user.name ?? user.email}`} data={roleChoices} value={user.role} allowDeselect={false} disabled={change.isPending} onChange={(role) => role && change.mutate(role as User["role"])} />;
}

function PersonMenu({ user, isSelf, show, edit }: { user: User; isSelf: boolean; show: (link: string) => void; edit: () => void }) {
  const { dialog, confirm } = useConfirm();
  const path = { params: { path: { id: user.id } } };
  const name = user.name ?? user.email;
  const link = useAction(() => takeData(api.POST("/api/users/{id}/sign-in-link", path)), { touches: [] });
  const remove = useAction(() => take(api.DELETE("/api/users/{id}", path)), { touches, done: words.removed });
  return (
    <>
      {dialog}
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={words.menu(name)}><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={edit}>{words.edit}</Menu.Item>
          <Menu.Item onClick={() => link.mutate(undefined, { onSuccess: ({ url }) => show(new URL(url, window.location.origin).href) })}>{words.link}</Menu.Item>
          {!isSelf && <Menu.Item onClick={() => confirm(words.removeConfirm(name), () => remove.mutate(undefined))}>{words.remove}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
