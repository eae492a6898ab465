// A list of conditions as one field of a form.
import { Stack, Text } from "@mantine/core";
import type { Variable } from "../../../forms/variables";
import type { Json, Path } from "../model/json";
import { ConditionBuilder } from "./ConditionBuilder";

type Props = { label: string; description?: string | undefined; list: unknown; variables: readonly Variable[]; disabled: boolean; errorAt: (deeper: Path) => string | undefined; onChange: (deeper: Path, next: Json) => void };

export function ConditionsField({ label, description, list, variables, disabled, errorAt, onChange }: Props) {
  const error = errorAt([]);
  return (
    <Stack gap={4} role="group" aria-label={label}>
      <Text size="sm" fw={600}>
        {label}
      </Text>
      {description && (
        <Text size="xs" c="dimmed">
          {description}
        </Text>
      )}
      <ConditionBuilder list={Array.isArray(list) ? (list as Json[]) : []} variables={variables} disabled={disabled} errorAt={errorAt} onChange={onChange} />
      {error && !(Array.isArray(list) && list.length > 0) && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {error}
        </Text>
      )}
    </Stack>
  );
}
