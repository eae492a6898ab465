// Two people changed one draft: both sides, what is different, and the choice.
import { Button, Group, Modal, ScrollArea, Stack, Text } from "@mantine/core";
import type { WorkflowRecord } from "./api";
import { definitionOf } from "./model/definition";
import { Differences } from "./panels/Differences";
import { useBuilder } from "./state";
import { texts } from "./texts";

export function ConflictDialog({ theirs, onResolve }: { theirs: WorkflowRecord | undefined; onResolve: (keep: "mine" | "theirs") => void }) {
  const { definition } = useBuilder();
  return (
    <Modal opened={theirs !== undefined} onClose={() => undefined} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false} title={texts.conflictTitle} size="lg">
      <Stack gap="md">
        <Text size="sm">{texts.conflictHint}</Text>
        <Group gap="xs">
          <Text size="sm" fw={600}>
            {texts.theirs} → {texts.yours}
          </Text>
        </Group>
        <ScrollArea.Autosize mah="50vh">{theirs && <Differences before={definitionOf(theirs)} after={definition} />}</ScrollArea.Autosize>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={() => onResolve("theirs")}>
            {texts.takeTheirs}
          </Button>
          <Button data-autofocus onClick={() => onResolve("mine")}>
            {texts.keepMine}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
