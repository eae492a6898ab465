import { Button, CopyButton, Group, List, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, takeData } from "../../../api/client";
import { useConfirm } from "../../../ui/confirm";
import { ErrorState, RowsLoading } from "../../../ui/states";
import { useAction } from "../../../ui/useAction";
import { Section } from "../Section";
import { SignedReports } from "./SignedReports";
import { texts } from "./texts";

const words = texts.reports;
const key = ["settings", "email-reports"];

/** Where mail services tell of bounces and complaints: an address that is a secret. */
export function Reports() {
  const client = useQueryClient();
  const { dialog, confirm } = useConfirm();
  const query = useQuery({ queryKey: key, queryFn: () => takeData(api.GET("/api/email-reports")) });
  const rotate = useAction(() => takeData(api.POST("/api/email-reports/rotate")), { touches: [], done: words.rotated });
  // The server may name a path only: then it is on this host.
  const address = query.data && new URL(query.data.url, window.location.origin).toString();
  return (
    <Section title={words.title} hint={<>{words.hint} <Link to="/suppressions">{words.list}</Link></>}>
      {dialog}
      {!query.data || address === undefined ? (query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading rows={1} />) : (
        <>
          <TextInput label={words.address} readOnly value={address} onFocus={(event) => event.currentTarget.select()} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} />
          <Group gap="xs" mt="sm">
            <CopyButton value={address}>{({ copied, copy }) => <Button variant="default" size="xs" onClick={copy}>{copied ? words.copied : words.copy}</Button>}</CopyButton>
            <Button variant="default" size="xs" loading={rotate.isPending} onClick={() => confirm(words.rotateConfirm, () => rotate.mutate(undefined, { onSuccess: (given) => client.setQueryData(key, given) }))}>{words.rotate}</Button>
          </Group>
          <Text size="sm" mt="md" mb={4}>{words.where}</Text>
          <List size="sm" spacing={2}>{words.services.map(([service, place]) => <List.Item key={service}><Text span size="sm" fw={500}>{service}:</Text> <Text span size="sm" c="dimmed">{place}</Text></List.Item>)}</List>
          <SignedReports kept={query.data.signers} queryKey={key} />
        </>
      )}
    </Section>
  );
}
