// What is different between two definitions, in words and values.
import { Badge, Group, Stack, Text } from "@mantine/core";
import classes from "../builder.module.css";
import { summary, titleOf } from "../model/catalogue";
import type { Definition } from "../model/definition";
import { compare } from "../model/diff";
import type { Json } from "../model/json";
import { useBuilder } from "../state";
import { texts } from "../texts";

const COLORS = { added: "teal", removed: "red", moved: "blue", changed: "yellow" };

function shown(value: Json | undefined): string {
  if (value === undefined || value === null || value === "") return texts.empty;
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

export function Differences({ before, after }: { before: Definition; after: Definition }) {
  const { actions } = useBuilder();
  const differences = compare(before, after);
  if (differences.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {texts.noDifference}
      </Text>
    );
  return (
    <Stack gap="xs" component="ul" className={classes.plainList}>
      {differences.map((difference, index) => (
        <li key={index} className={classes.verdict}>
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <Text size="sm" fw={500}>
              {difference.kind === "field" ? difference.where.replaceAll("_", " ") : titleOf(difference.step, actions)}
            </Text>
            <Badge size="sm" variant="light" tt="none" c="var(--mantine-color-text)" color={difference.kind === "field" ? COLORS.changed : COLORS[difference.kind]}>
              {difference.kind === "field" ? texts.changed : texts[difference.kind]}
            </Badge>
          </Group>
          {difference.kind === "field" && <Change before={difference.before} after={difference.after} />}
          {difference.kind === "changed" &&
            difference.fields.map((field) => (
              <div key={field.path}>
                <Text size="xs" c="dimmed">
                  {field.path}
                </Text>
                <Change before={field.before} after={field.after} />
              </div>
            ))}
          {(difference.kind === "added" || difference.kind === "removed") && (
            <Text size="xs" c="dimmed">
              {summary(difference.step)}
            </Text>
          )}
        </li>
      ))}
    </Stack>
  );
}

function Change({ before, after }: { before: Json | undefined; after: Json | undefined }) {
  return (
    <div className={classes.change}>
      <del>{shown(before)}</del>
      <ins>{shown(after)}</ins>
    </div>
  );
}
