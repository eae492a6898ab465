import { Divider, Text, Title } from "@mantine/core";
import { useSession, useSessionActions } from "../../api/session";
import { say } from "../../ui/notice";
import { type Field, RecordForm } from "../../ui/RecordForm";
import { texts } from "./texts";

const words = texts.account;
const own: Field[] = [{ name: "name", label: words.name }, { name: "time_zone", label: words.timeZone, hint: words.timeZoneHint }];
const secret: Field[] = [{ name: "currentPassword", label: words.current, kind: "password" }, { name: "password", label: words.password, kind: "password", isRequired: true }];

export function Account() {
  const { user, tenant, role } = useSession();
  const { change } = useSessionActions();
  if (!user) return null;
  return (
    <div className="panel" style={{ padding: 20, maxWidth: 520 }}>
      <Text size="sm" c="dimmed" mb="md">{words.you} {user.email} · {tenant.name} · {texts.roles[role]}</Text>
      <RecordForm key={user.version} fields={own} initial={{ name: user.name ?? null, time_zone: user.time_zone ?? null }} save={async (values) => { await change(values); say(texts.saved); }} />
      <Divider my="lg" />
      <Title order={2} mb="sm">{words.password}</Title>
      <RecordForm fields={secret} initial={{}} action={words.change} save={async (values) => { await change(values); say(words.changed); }} />
    </div>
  );
}
