import { Divider, Group, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useSession, useSessionActions } from "../../api/session";
import { AwayChip } from "../../ui/Away";
import { say } from "../../ui/notice";
import { type Field, RecordForm, type Values } from "../../ui/RecordForm";
import { awayChange, awayFields, awayValues, withoutAway } from "./away";
import { texts } from "./texts";

const words = texts.account;
const own: Field[] = [{ name: "name", label: words.name }, { name: "time_zone", label: words.timeZone, hint: words.timeZoneHint }, ...awayFields];
const secret: Field[] = [{ name: "currentPassword", label: words.current, kind: "password" }, { name: "password", label: words.password, kind: "password", isRequired: true }];

export function Account() {
  const { user, tenant, role } = useSession();
  const { change } = useSessionActions();
  const [openedAt] = useState(Date.now);
  if (!user) return null;
  const initial: Values = { name: user.name ?? null, time_zone: user.time_zone ?? null, ...awayValues(user.away, openedAt) };
  return (
    <div className="panel" style={{ padding: 20, maxWidth: 520 }}>
      <Group mb="md" gap="4px 12px">
        <Text size="sm" c="dimmed">{words.you} {user.email} · {tenant.name} · {texts.roles[role]}</Text>
        <AwayChip away={user.away} />
      </Group>
      <RecordForm
        key={`${user.version} ${JSON.stringify(user.away)}`} fields={own} initial={initial}
        save={async (changed) => { await change({ ...withoutAway(changed), ...awayChange(changed, { ...initial, ...changed }) }); say(texts.saved); }}
      />
      <Divider my="lg" />
      <Title order={2} mb="sm">{words.password}</Title>
      <RecordForm fields={secret} initial={{}} action={words.change} save={async (values) => { await change(values); say(words.changed); }} />
    </div>
  );
}
