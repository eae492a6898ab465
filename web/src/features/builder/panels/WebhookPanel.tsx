// The hook of a workflow: its address, who may call it, and what the caller is told.
import { ActionIcon, Alert, Button, CopyButton, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { DurationField } from "../../../forms/fields/DurationField";
import { SchemaForm } from "../../../forms/SchemaForm";
import { isObject, type Json, type JsonObject, type Path } from "../model/json";
import { HOOK_AUTHS } from "../model/starts";
import { useBuilder } from "../state";
import { texts } from "../texts";

type Props = { config: JsonObject; disabled: boolean; errorAt: (path: Path) => string | undefined; set: (path: Path, value: Json | undefined) => void };

const words = texts.hook;
const order = ["label" as const, "input" as const, "description" as const, "error" as const];

export function WebhookPanel({ config, disabled, errorAt, set }: Props) {
  const auth = isObject(config.auth) ? config.auth : { type: "none" };
  const kind = typeof auth.type === "string" ? auth.type : "none";
  const at = (name: string): Path => ["trigger_config", name];
  return (
    <Stack gap="md">
      <Address disabled={disabled} />
      <Select
        label={words.auth}
        description={kind === "none" ? words.noneHint : undefined}
        allowDeselect={false}
        data={Object.keys(HOOK_AUTHS).map((value) => ({ value, label: words.auths[value] ?? value }))}
        value={kind}
        disabled={disabled}
        error={errorAt([...at("auth"), "type"])}
        inputWrapperOrder={order}
        onChange={(value) => value && set(at("auth"), { type: value })}
      />
      <SchemaForm
        key={kind}
        schema={HOOK_AUTHS[kind] ?? {}}
        value={auth}
        path={["trigger_config", "auth"]}
        context={{ variables: [], errorAt }}
        disabled={disabled}
        onChange={(name, value) => set([...at("auth"), name], value as Json | undefined)}
      />
      <Select
        label={words.respond}
        description={words.responds[config.respond === "result" ? "result" : "accepted"].hint}
        allowDeselect={false}
        data={(["accepted", "result"] as const).map((value) => ({ value, label: words.responds[value].label }))}
        value={config.respond === "result" ? "result" : "accepted"}
        disabled={disabled}
        error={errorAt(at("respond"))}
        inputWrapperOrder={order}
        onChange={(value) => set(at("respond"), value ?? undefined)}
      />
      {config.respond === "result" && <DurationField name="timeout" label={words.timeout} unit="s" schema={{ description: words.timeoutHint }} value={config.timeout} required={false} error={errorAt(at("timeout"))} variables={[]} disabled={disabled} onChange={(value) => set(at("timeout"), value as Json | undefined)} />}
      <TextInput
        label={words.dedupe}
        description={words.dedupeHint}
        placeholder="X-Request-Id"
        value={typeof config.dedupeHeader === "string" ? config.dedupeHeader : ""}
        disabled={disabled}
        error={errorAt(at("dedupeHeader"))}
        inputWrapperOrder={order}
        onChange={(event) => set(at("dedupeHeader"), event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
      />
    </Stack>
  );
}

function Address({ disabled }: { disabled: boolean }) {
  const { hookUrl, rotateHook } = useBuilder();
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<string>();
  if (hookUrl === undefined)
    return (
      <Text size="sm" c="dimmed">
        {disabled ? words.notForViewers : words.noAddress}
      </Text>
    );
  // The server may name a path only: then it is on this host.
  const address = new URL(hookUrl, window.location.origin).toString();
  const rotate = async (): Promise<void> => {
    setAsking(false);
    setFailure(await rotateHook());
  };
  return (
    <Stack gap="xs">
      <Group gap={6} wrap="nowrap" align="flex-end">
        <TextInput flex={1} label={words.address} readOnly value={address} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} onFocus={(event) => event.currentTarget.select()} />
        <CopyButton value={address}>
          {({ copied, copy }) => (
            <ActionIcon variant="default" size={36} onClick={copy} aria-label={copied ? words.copied : words.copy}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          )}
        </CopyButton>
        {!disabled && (
          <ActionIcon variant="default" size={36} aria-label={words.rotate} onClick={() => setAsking(true)}>
            <IconRefresh size={16} />
          </ActionIcon>
        )}
      </Group>
      <Text size="xs" c="dimmed">
        {words.addressHint}
      </Text>
      {failure && (
        <Alert color="red" variant="light">
          {failure}
        </Alert>
      )}
      <Modal opened={asking} onClose={() => setAsking(false)} title={words.rotate}>
        <Text size="sm">{words.rotateHint}</Text>
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={() => setAsking(false)}>
            {texts.close}
          </Button>
          <Button color="red.8" data-autofocus onClick={() => void rotate()}>
            {words.rotateYes}
          </Button>
        </Group>
      </Modal>
    </Stack>
  );
}
