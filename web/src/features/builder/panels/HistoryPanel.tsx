// The published versions: what each one is, how it differs from the draft, and the way back to it.
import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import classes from "../builder.module.css";
import { replaceAll } from "../model/operations";
import { useBuilder } from "../state";
import { texts } from "../texts";
import { Differences } from "./Differences";

export function HistoryPanel({ publishedVersion, hasDraft, onDiscard }: { publishedVersion: number; hasDraft: boolean; onDiscard: () => void }) {
  const { workflowId, definition, edit, mayEdit } = useBuilder();
  const [chosen, setChosen] = useState<number>();
  const versions = useQuery({ queryKey: ["builder", "versions", workflowId, publishedVersion], queryFn: () => api.versions(workflowId) });
  const version = useQuery({ queryKey: ["builder", "version", workflowId, chosen], queryFn: () => api.version(workflowId, chosen ?? 0), enabled: chosen !== undefined });
  const list = versions.data ?? [];
  return (
    <Stack gap="md">
      {hasDraft && publishedVersion > 0 && mayEdit && (
        <Button variant="default" size="xs" w="fit-content" onClick={onDiscard}>
          {texts.discard}
        </Button>
      )}
      {versions.isSuccess && list.length === 0 && (
        <Text size="sm" c="dimmed">
          {texts.noVersions}
        </Text>
      )}
      <Stack gap={6}>
        {list.map((item) => (
          <button key={item.number} type="button" className={classes.listRow} data-selected={chosen === item.number || undefined} aria-expanded={chosen === item.number} onClick={() => setChosen(chosen === item.number ? undefined : item.number)}>
            <Group justify="space-between" wrap="nowrap">
              <Text size="sm" fw={600} component="span">
                {texts.versionNumber(item.number)}
              </Text>
              {item.is_published && (
                <Badge size="sm" variant="light" color="teal" c="var(--mantine-color-text)" tt="none">
                  {texts.live}
                </Badge>
              )}
            </Group>
            {item.note && (
              <Text size="sm" component="span" display="block">
                {item.note}
              </Text>
            )}
            <Text size="xs" c="dimmed" component="span" display="block">
              {new Date(item.created_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}
              {item.author && ` · ${item.author}`}
            </Text>
          </button>
        ))}
      </Stack>
      {chosen !== undefined && version.data && (
        <Stack gap="xs">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <Text size="sm" fw={600}>
              {texts.compareWith(chosen)}
            </Text>
            {mayEdit && (
              <Button size="xs" variant="light" style={{ flexShrink: 0 }} onClick={() => edit(texts.edits.replace, replaceAll(definition, version.data.definition))}>
                {texts.restore}
              </Button>
            )}
          </Group>
          <Differences before={version.data.definition} after={definition} />
        </Stack>
      )}
    </Stack>
  );
}
