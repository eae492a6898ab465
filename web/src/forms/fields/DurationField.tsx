import { Group, NumberInput, Select, Text } from "@mantine/core";
import { texts } from "../texts";
import { TemplateInput } from "../TemplateInput";
import type { FieldProps } from "./field";

const MILLISECONDS: Record<string, number> = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };

/** A duration as amount and unit; undefined when it is neither (a template, a fraction of a second). */
export function parseDuration(value: unknown): { amount: number; unit: string } | undefined {
  if (typeof value === "number") {
    const unit = Object.keys(MILLISECONDS).find((name) => value > 0 && value % (MILLISECONDS[name] ?? 1) === 0);
    return unit ? { amount: value / (MILLISECONDS[unit] ?? 1), unit } : undefined;
  }
  const match = typeof value === "string" ? /^(\d+)(s|m|h|d|w)$/.exec(value.trim()) : null;
  return match?.[1] && match[2] ? { amount: Number(match[1]), unit: match[2] } : undefined;
}

/** `unit` is the one that is offered before anything is typed: what is usual here. */
export function DurationField({ name, label, schema, value, required, error, variables, disabled, onChange, unit = "h" }: FieldProps & { unit?: string }) {
  const parsed = value === undefined || value === "" ? { amount: "" as const, unit } : parseDuration(value);
  if (!parsed) {
    return (
      <TemplateInput label={label} name={label} description={schema.description} value={String(value)} required={required} error={error} variables={variables} disabled={disabled} onChange={(text) => onChange(text === "" ? undefined : text)} />
    );
  }
  return (
    <div>
      <Group gap="xs" align="flex-end" wrap="nowrap">
      <NumberInput
        flex={1}
        label={label}
        withAsterisk={required}
        error={error}
        min={1}
        allowDecimal={false}
        allowNegative={false}
        value={parsed.amount}
        disabled={disabled}
        data-field={name}
        onChange={(amount) => onChange(amount === "" ? undefined : `${amount}${parsed.unit}`)}
      />
      <Select
        w={120}
        aria-label={texts.unit(label)}
        allowDeselect={false}
        data={Object.entries(texts.units).map(([unit, text]) => ({ value: unit, label: text }))}
        value={parsed.unit}
        disabled={disabled}
        onChange={(chosen) => chosen && onChange(`${parsed.amount === "" ? 1 : parsed.amount}${chosen}`)}
      />
      </Group>
      {schema.description && (
        <Text size="xs" c="dimmed" mt={5}>
          {schema.description}
        </Text>
      )}
    </div>
  );
}
