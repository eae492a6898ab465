import { ActionIcon, Autocomplete, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import classes from "../forms.module.css";
import { TemplateInput } from "../TemplateInput";
import { texts } from "../texts";
import type { FieldProps } from "./field";

type Pair = { name: string; value: unknown };

function pairsOf(value: unknown): Pair[] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value).map(([name, item]) => ({ name, value: item })) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Text, unless it is what a value of another type looks like as JSON: then it stays one. */
function valueOf(text: string, before: unknown): unknown {
  if (typeof before === "string" || before === undefined) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** An object with names of one's own. Unnamed rows are kept here until they have a name. */
export function PairsField({ label, schema, value, required, error, variables, disabled, onChange, suggestions }: FieldProps & { suggestions?: readonly string[] }) {
  const [rows, setRows] = useState<Pair[]>(() => pairsOf(value));
  const stored = JSON.stringify(pairsOf(value));
  const [seen, setSeen] = useState(stored);
  // Somebody else changed it (undo, another version): what is stored wins over what is shown.
  if (stored !== seen) {
    setSeen(stored);
    if (stored !== JSON.stringify(rows.filter(({ name }) => name !== ""))) setRows(pairsOf(value));
  }
  const change = (next: Pair[]): void => {
    setRows(next);
    const named = next.filter(({ name }) => name !== "");
    onChange(named.length === 0 ? (required ? {} : undefined) : Object.fromEntries(named.map(({ name, value: item }) => [name, item])));
  };
  const Name = suggestions ? Autocomplete : TextInput;
  return (
    <fieldset className={classes.pairs}>
      <legend className={classes.legend}>
        {label}
        {required && (
          <Text span c="red" aria-hidden>
            {" *"}
          </Text>
        )}
      </legend>
      <Stack gap={6} mt={4}>
        {rows.map((row, index) => (
          <Group key={index} gap={6} wrap="nowrap" align="flex-start">
            <Name
              w={130}
              aria-label={`${label}: ${texts.pairName} ${index + 1}`}
              placeholder={texts.pairName}
              value={row.name}
              disabled={disabled}
              {...(suggestions ? { data: suggestions.filter((name) => !rows.some((other) => other.name === name)) } : {})}
              onChange={(event: string | React.ChangeEvent<HTMLInputElement>) => {
                const name = typeof event === "string" ? event : event.currentTarget.value;
                change(rows.map((other, at) => (at === index ? { ...other, name } : other)));
              }}
            />
            <div style={{ flex: 1, minWidth: 0 }}>
              <TemplateInput
                name={`${label}: ${row.name || texts.pairValue}`}
                placeholder={texts.pairValue}
                value={textOf(row.value)}
                variables={variables}
                disabled={disabled}
                onChange={(text) => change(rows.map((other, at) => (at === index ? { ...other, value: valueOf(text, other.value) } : other)))}
              />
            </div>
            <ActionIcon variant="subtle" color="gray" mt={4} disabled={disabled} aria-label={texts.removePair(row.name)} onClick={() => change(rows.filter((_, at) => at !== index))}>
              <IconX size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Button size="xs" variant="default" w="fit-content" disabled={disabled} leftSection={<IconPlus size={14} />} onClick={() => setRows([...rows, { name: "", value: "" }])}>
          {texts.addPair}
        </Button>
        {schema.description && (
          <Text size="xs" c="dimmed">
            {schema.description}
          </Text>
        )}
        {error && (
          <Text size="xs" c="var(--mantine-color-error)" role="alert">
            {error}
          </Text>
        )}
      </Stack>
    </fieldset>
  );
}
