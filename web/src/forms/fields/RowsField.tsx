import { ActionIcon, Button, Group, Stack, Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from "@tabler/icons-react";
import classes from "../forms.module.css";
import { withKey } from "../objects";
import { emptyRow, flattened, holdsSteps } from "../schema";
import { SchemaForm, type SchemaFormContext } from "../SchemaForm";
import { texts } from "../texts";
import type { FieldProps } from "./field";

/** The name that a row has in itself, else its number. */
function nameOf(row: unknown, number: number): string {
  const name = typeof row === "object" && row !== null && "name" in row ? row.name : undefined;
  return typeof name === "string" && name !== "" ? name : texts.row(number);
}

/** A list of objects, each a small form. What else a row has (the steps of a branch) stays as it is, and moves with it. */
export function RowsField({ label, schema, value, error, disabled, onChange, context, path }: FieldProps & { context: SchemaFormContext; path: (string | number)[] }) {
  const rows = Array.isArray(value) ? (value as unknown[]) : [];
  const item = flattened(schema.items ?? {});
  const isBranch = holdsSteps(item);
  const least = schema.minItems ?? 0;
  const changed = (index: number, name: string, next: unknown): unknown[] => rows.map((row, at) => (at === index ? withKey(row, name, next) : row));
  const swapped = (index: number, other: number): unknown[] => rows.map((row, at) => (at === index ? rows[other] : at === other ? rows[index] : row));
  return (
    <fieldset className={classes.rows}>
      <legend className={classes.legend}>{label}</legend>
      {schema.description && (
        <Text size="xs" c="dimmed">
          {schema.description}
        </Text>
      )}
      <Stack gap="xs" mt={6}>
        {rows.map((row, index) => {
          const name = nameOf(row, index + 1);
          return (
            <div className={classes.row} key={index} role="group" aria-label={name}>
              <Group justify="space-between" mb="xs" wrap="nowrap">
                <Text size="xs" fw={600} c="dimmed" truncate>
                  {name}
                </Text>
                {!disabled && (
                  <Group gap={2} wrap="nowrap">
                    {isBranch && (
                      <>
                        <ActionIcon size="sm" variant="subtle" color="gray" disabled={index === 0} aria-label={texts.rowUp(name)} onClick={() => onChange(swapped(index, index - 1))}>
                          <IconArrowUp size={14} />
                        </ActionIcon>
                        <ActionIcon size="sm" variant="subtle" color="gray" disabled={index === rows.length - 1} aria-label={texts.rowDown(name)} onClick={() => onChange(swapped(index, index + 1))}>
                          <IconArrowDown size={14} />
                        </ActionIcon>
                      </>
                    )}
                    <ActionIcon size="sm" variant="subtle" color="gray" disabled={rows.length <= least} aria-label={texts.removeRow(name)} onClick={() => onChange(rows.filter((_, at) => at !== index))}>
                      <IconX size={14} />
                    </ActionIcon>
                  </Group>
                )}
              </Group>
              <SchemaForm schema={item} value={row} path={[...path, index]} context={context} disabled={disabled} onChange={(field, next) => onChange(changed(index, field, next))} />
            </div>
          );
        })}
        {!disabled && (
          <Button size="xs" variant="default" w="fit-content" leftSection={<IconPlus size={14} />} onClick={() => onChange([...rows, emptyRow(item, rows.length + 1)])}>
            {isBranch ? texts.addBranch : texts.addRow}
          </Button>
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
