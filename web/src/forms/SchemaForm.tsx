import { Button, SegmentedControl, Stack } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { fieldsOf, type JsonSchema, kindOf, labelOf } from "./schema";
import { SchemaField } from "./SchemaField";
import { texts } from "./texts";
import type { Variable } from "./variables";

export type Suggestion = { value: string; label: string; group: string };

/** What the fields of a form need to know of what is around it. */
export type SchemaFormContext = {
  variables: readonly Variable[];
  /** The fields of the outermost form that are usually set: they are shown, and the other optional ones are folded away. */
  usual?: readonly string[];
  /** Values to choose from, by the format of a field: users for `user-id`. */
  suggestions?: Readonly<Record<string, readonly Suggestion[]>>;
  /** Names for the fields of an object, by its own name. */
  pairNames?: (field: string) => readonly string[] | undefined;
  errorAt: (path: readonly (string | number)[]) => string | undefined;
  /** Draws a list of conditions; it changes them by itself. */
  conditions?: (field: { label: string; description: string | undefined; path: readonly (string | number)[]; value: unknown; disabled: boolean }) => ReactNode;
};

type Props = {
  schema: JsonSchema;
  value: unknown;
  path: (string | number)[];
  context: SchemaFormContext;
  disabled: boolean;
  onChange: (name: string, value: unknown) => void;
  /** The whole object at once, where one choice changes several fields. */
  onReplace?: (value: Record<string, unknown>) => void;
};

/** More optional fields than this are folded away until they are asked for. */
const ALWAYS_SHOWN = 4;

/** A form drawn from the JSON Schema of an object. */
export function SchemaForm({ schema, value, path, context, disabled, onChange, onReplace }: Props) {
  const [all, setAll] = useState(false);
  const [wanted, setWanted] = useState<number>();
  const object = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const groups = schema["x-alternatives"] ?? [];
  const filled = groups.findIndex(([first]) => first !== undefined && object[first] !== undefined);
  const group = groups[wanted ?? Math.max(filled, 0)] ?? [];
  const excluded = new Set(groups.flat().filter((name) => !group.includes(name)));
  const drawn = fieldsOf(schema)
    .map((field) => ({ ...field, kind: kindOf(field.schema) }))
    .filter(({ kind, name }) => kind !== "steps" && !excluded.has(name));
  const isUsual = (name: string, index: number): boolean => (context.usual && path.length === 1 ? context.usual.includes(name) || name === group[0] : index < ALWAYS_SHOWN || name === group[0]);
  const shown = drawn.filter(({ name, required }, index) => all || required || isUsual(name, index) || object[name] !== undefined || context.errorAt([...path, name]));
  const hidden = drawn.length - shown.length;

  const choose = (index: number): void => {
    setWanted(index);
    const others = new Set(groups.flat().filter((name) => !(groups[index] ?? []).includes(name)));
    if (Object.keys(object).some((name) => others.has(name))) onReplace?.(Object.fromEntries(Object.entries(object).filter(([name]) => !others.has(name))));
  };

  return (
    <Stack gap="md">
      {groups.length > 0 && (
        <SegmentedControl
          fullWidth
          size="xs"
          aria-label={texts.kindOfIt}
          disabled={disabled}
          value={String(groups.indexOf(group))}
          data={groups.map(([first], index) => ({ value: String(index), label: first === undefined ? "" : labelOf(first, schema.properties?.[first] ?? {}) }))}
          onChange={(index) => choose(Number(index))}
        />
      )}
      {shown.map((field) => (
        <SchemaField
          key={field.name}
          kind={field.kind}
          name={field.name}
          label={labelOf(field.name, field.schema)}
          schema={field.schema}
          value={object[field.name]}
          required={field.required || field.name === group[0]}
          error={context.errorAt([...path, field.name])}
          disabled={disabled}
          context={context}
          path={[...path, field.name]}
          onChange={(next) => onChange(field.name, next)}
        />
      ))}
      {hidden > 0 && (
        <Button size="xs" variant="subtle" color="gray" w="fit-content" px={4} rightSection={<IconChevronDown size={14} />} onClick={() => setAll(true)}>
          {texts.showMore(hidden)}
        </Button>
      )}
    </Stack>
  );
}
