import { Alert, Anchor, Button, Fieldset, Group, PasswordInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { usePages } from "../../api/queries";
import { useMay } from "../../api/session";
import { withKey } from "../../forms/objects";
import { type JsonSchema, labelOf } from "../../forms/schema";
import { SchemaForm } from "../../forms/SchemaForm";
import { useConfirm } from "../../ui/confirm";
import { type Column, DataTable } from "../../ui/DataTable";
import { say, sayFailure } from "../../ui/notice";
import { NewRecord, useOpenRecord } from "../../ui/OpenRecord";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { useAction, useFailure } from "../../ui/useAction";
import { texts } from "./texts";

type Connection = Schema<"Integration">;
type Provider = Schema<"Provider">;

const words = texts.connections;
const touches = ["integrations"];

export function Connections() {
  const isAdmin = useMay("admin");
  const record = useOpenRecord();
  const { dialog, confirm } = useConfirm();
  const pages = usePages(["integrations"], (cursor) => take(api.GET("/api/integrations", { params: { query: { ...(cursor && { cursor }) } } })));
  const providers = useQuery({ queryKey: ["providers"], staleTime: Infinity, queryFn: () => takeData(api.GET("/api/providers")) });
  const remove = useAction((id: number) => take(api.DELETE("/api/integrations/{id}", { params: { path: { id } } })), { touches, done: words.removed });
  const titleOf = (name: string) => providers.data?.find((one) => one.name === name)?.title ?? name;
  const isAuthorizable = (name: string) => providers.data?.find((one) => one.name === name)?.is_authorizable ?? false;
  const edited = pages.rows?.find((row) => row.id === record.id);
  const columns: Column<Connection>[] = [
    { title: words.name, cell: (row) => <>{isAdmin ? <Anchor component="button" size="sm" c="inherit" fw={500} onClick={() => record.open(row.id)}>{row.name}</Anchor> : <Text size="sm" fw={500}>{row.name}</Text>}{row.last_error && <Text size="xs" c="dimmed">{row.last_error}</Text>}</> },
    { title: words.provider, from: "sm", cell: (row) => titleOf(row.provider) },
    { title: words.status, width: 120, cell: (row) => <State status={row.status} /> },
    { title: words.actions, width: 160, isNumber: true, cell: (row) => isAdmin && (
      <Group gap={6} justify="flex-end" wrap="nowrap">
        {isAuthorizable(row.provider) && <Authorize connection={row} />}
        <Test connection={row} />
        <Button size="compact-xs" variant="subtle" aria-label={`${words.remove}: ${row.name}`} onClick={() => confirm(words.removeConfirm(row.name), () => remove.mutate(row.id))}>{words.remove}</Button>
      </Group>
    ) },
  ];
  return (
    <>
      {dialog}
      {isAdmin && <Group justify="flex-end" mb="sm"><Button leftSection={<IconPlus size={16} />} onClick={() => record.open("new")}>{words.new}</Button></Group>}
      <DataTable label={texts.tabs.connections} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...words.empty} />} />
      <NewRecord title={edited?.name ?? words.new} isOpen={record.isNew || edited !== undefined} close={record.close}>
        {providers.data && <ConnectionForm key={edited?.version ?? "new"} connection={edited} providers={providers.data} close={record.close} />}
      </NewRecord>
    </>
  );
}

function State({ status }: { status: string }) {
  const tone = status === "ok" ? "good" : status === "untried" ? "quiet" : "bad";
  return <StatusChip tone={tone}>{words.statuses[status] ?? status}</StatusChip>;
}

function Test({ connection }: { connection: Connection }) {
  const test = useAction(() => takeData(api.POST("/api/integrations/{id}/test", { params: { path: { id: connection.id } } })), { touches });
  const run = () => test.mutate(undefined, {
    onSuccess: ({ working, error }) => (working ? say(words.works) : sayFailure(new Error(words.fails(error ?? "")))),
  });
  return <Button size="compact-xs" variant="default" loading={test.isPending} aria-label={`${words.test}: ${connection.name}`} onClick={run}>{words.test}</Button>;
}

/** Sends the browser to the other system, which sends it back here. */
function Authorize({ connection }: { connection: Connection }) {
  const begin = useAction(() => takeData(api.POST("/api/integrations/{id}/authorize", { params: { path: { id: connection.id } } })), { touches });
  const run = () => begin.mutate(undefined, { onSuccess: ({ url }) => window.location.assign(url) });
  return <Button size="compact-xs" variant="default" loading={begin.isPending} aria-label={`${words.authorize}: ${connection.name}`} onClick={run}>{words.authorize}</Button>;
}

type FormProps = { connection: Connection | undefined; providers: Provider[]; close: () => void };

function ConnectionForm({ connection, providers, close }: FormProps) {
  const [name, setName] = useState(connection?.name ?? "");
  const [provider, setProvider] = useState(connection?.provider ?? providers[0]?.name ?? "");
  const [config, setConfig] = useState<Record<string, unknown>>(connection?.config ?? {});
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [failure, tell] = useFailure();
  const chosen = providers.find((one) => one.name === provider);
  const save = useAction((body: Schema<"IntegrationIn">) => (connection
    ? takeData(api.PATCH("/api/integrations/{id}", { params: { path: { id: connection.id } }, body: { ...body, version: connection.version } }))
    : takeData(api.POST("/api/integrations", { body }))), { touches, done: texts.saved, failed: tell });
  const problems = fieldProblems(failure);
  const secretFields = Object.entries((chosen?.secrets_schema as JsonSchema | undefined)?.properties ?? {});
  const isSet = (secret: string) => connection?.provider === provider && connection.secrets_set.includes(secret);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const filled = Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== ""));
    tell(null);
    save.mutate({ name, provider, config, ...(Object.keys(filled).length > 0 && { secrets: filled }) }, { onSuccess: close });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure !== null && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
        <TextInput label={words.name} required value={name} error={problems["name"]} onChange={(event) => setName(event.currentTarget.value)} />
        <Select label={words.provider} data={providers.map((one) => ({ value: one.name, label: one.title }))} value={provider} allowDeselect={false} description={chosen?.description} onChange={(value) => { if (value && value !== provider) { setProvider(value); setConfig({}); setSecrets({}); } }} />
        {chosen && (
          <SchemaForm
            key={chosen.name}
            schema={chosen.config_schema}
            value={config}
            path={[]}
            context={{ variables: [], errorAt: (path) => problems[["config", ...path].join(".")] }}
            disabled={false}
            onChange={(field, value) => setConfig((before) => withKey(before, field, value))}
          />
        )}
        {secretFields.length > 0 && (
          <Fieldset legend={words.secrets}>
            <Stack gap="sm">
              {secretFields.map(([secret, schema]) => (
                <PasswordInput key={secret} label={labelOf(secret, schema)} autoComplete="off" description={[schema.description, isSet(secret) && `${words.set}. ${words.secretsHint}`].filter(Boolean).join(" ")} error={problems[`secrets.${secret}`]} value={secrets[secret] ?? ""} onChange={(event) => setSecrets({ ...secrets, [secret]: event.currentTarget.value })} />
              ))}
            </Stack>
          </Fieldset>
        )}
        <Group justify="flex-end"><Button type="submit" loading={save.isPending}>{connection ? texts.save : texts.create}</Button></Group>
      </Stack>
    </form>
  );
}
