import { Group, NumberInput, Select, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { texts } from "./texts";

export type Span = { amount: number | ""; unit: string };

const MILLISECONDS: Record<string, number> = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };

/** A duration as amount and unit; undefined when it is neither (a template, a fraction of a second). `unit` is the one that is offered before anything is typed. */
export function spanOf(value: unknown, unit: string): Span | undefined {
  if (value === undefined || value === null || value === "") return { amount: "", unit };
  if (typeof value === "number") {
    const whole = Object.keys(MILLISECONDS).find((name) => value > 0 && value % (MILLISECONDS[name] ?? 1) === 0);
    return whole ? { amount: value / (MILLISECONDS[whole] ?? 1), unit: whole } : undefined;
  }
  const match = typeof value === "string" ? /^(\d+)(s|m|h|d|w)$/.exec(value.trim()) : null;
  return match?.[1] && match[2] ? { amount: Number(match[1]), unit: match[2] } : undefined;
}

type Props = {
  name: string;
  label: string;
  hint: string | undefined;
  span: Span;
  required: boolean;
  error: ReactNode;
  disabled: boolean;
  /** What holds without one. */
  placeholder?: string | undefined;
  /** As the API writes it, such as `4h`; undefined takes it away. */
  onChange: (duration: string | undefined) => void;
};

export function Duration({ name, label, hint, span: { amount, unit }, required, error, disabled, placeholder, onChange }: Props) {
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
          value={amount}
          disabled={disabled}
          data-field={name}
          {...(placeholder && { placeholder })}
          onChange={(typed) => onChange(typed === "" ? undefined : `${typed}${unit}`)}
        />
        <Select
          w={120}
          aria-label={texts.unit(label)}
          allowDeselect={false}
          data={Object.entries(texts.units).map(([value, text]) => ({ value, label: text }))}
          value={unit}
          disabled={disabled}
          onChange={(chosen) => chosen && onChange(`${amount === "" ? 1 : amount}${chosen}`)}
        />
      </Group>
      {hint && <Text size="xs" c="dimmed" mt={5}>{hint}</Text>}
    </div>
  );
}
