import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, take } from "../../api/client";
import { useMay } from "../../api/session";
import { AnchorLink } from "../../ui/links";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { entryOf, reasonTones, sourceText } from "./suppression";
import { texts } from "./texts";

const words = texts.suppressions;

/** Says that a contact's address is on the suppression list: why, since when, and where that is changed. Nothing, when it is not. */
export function MailState({ email }: { email: string }) {
  const mayRead = useMay("editor");
  const query = useQuery({ queryKey: ["suppressions", "of", email], enabled: mayRead, queryFn: () => take(api.GET("/api/suppressions", { params: { query: { q: email, limit: 200 } } })) });
  const entry = entryOf(email, query.data?.data ?? []);
  if (!entry) return null;
  return (
    <Group className="panel" gap="4px 12px" px="md" py="xs" mb="md" role="note" aria-label={words.title}>
      <StatusChip tone={reasonTones[entry.reason]}>{words.noMails(entry.reason)}</StatusChip>
      <Text size="xs" c="dimmed">{sourceText(entry.source)}, <Time at={entry.created_at} /></Text>
      <AnchorLink to="/suppressions" search={{ q: entry.address }} size="sm">{words.title}</AnchorLink>
      {entry.detail && <Text size="xs" c="dimmed" w="100%" style={{ overflowWrap: "anywhere" }}>{entry.detail}</Text>}
    </Group>
  );
}
