import { Button, Group, Text } from "@mantine/core";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { useSession } from "../../api/session";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { texts } from "./texts";

type Notification = Schema<"Notification">;

const words = texts.notifications;
const tones: Record<Notification["type"], Tone> = { info: "moving", success: "good", warning: "waiting", error: "bad" };

export function NotificationsScreen() {
  const { filters } = useFilters();
  const { user } = useSession();
  const own = user ? { userId: user.id } : {};
  const only = filters["show"];
  const pages = usePages(["notifications", only], (cursor) => take(api.GET("/api/notifications", {
    params: { query: { ...(only !== "everyone" && own), ...(only === "unread" && { unread: true }), ...(cursor && { cursor }) } },
  })));
  const readAll = useAction(() => takeData(api.POST("/api/notifications/read-all")), { touches: ["notifications"], done: ({ updated }) => words.allRead(updated) });
  const columns: Column<Notification>[] = [
    { title: words.columns.title, cell: (row) => <Told notification={row} /> },
    { title: words.columns.at, width: 140, from: "xs", cell: (row) => <Time at={row.created_at} /> },
    { title: words.columns.actions, width: 140, isNumber: true, cell: (row) => !row.read_at && row.user_id === user?.id && <MarkRead id={row.id} /> },
  ];
  return (
    <Page title={words.title} actions={user && <Button variant="default" loading={readAll.isPending} onClick={() => readAll.mutate(undefined)}>{words.readAll}</Button>} size={900}>
      <Group mb="sm"><FilterSelect name="show" label={words.only} choices={[{ value: "unread", label: words.onlyUnread }, { value: "everyone", label: words.everyone }]} /></Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...words.empty} />} />
    </Page>
  );
}

function Told({ notification }: { notification: Notification }) {
  return (
    <>
      <Group gap={8}>
        <span style={{ fontWeight: notification.read_at ? 400 : 600 }}><StatusChip tone={tones[notification.type]}>{notification.title}</StatusChip></span>
        {!notification.read_at && <Text span size="xs" c="dimmed">{words.unread}</Text>}
      </Group>
      {notification.message && <Text size="sm" c="dimmed" pl={15}>{notification.message}</Text>}
    </>
  );
}

function MarkRead({ id }: { id: number }) {
  const read = useAction(() => takeData(api.POST("/api/notifications/{id}/read", { params: { path: { id } } })), { touches: ["notifications"] });
  return <Button size="compact-xs" variant="subtle" onClick={() => read.mutate(undefined)}>{words.read}</Button>;
}
