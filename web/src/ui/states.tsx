import { Button, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { texts } from "./texts";

/** Nothing is there yet: what it would be, and the way to the first one. */
export function EmptyState({ title, hint, action }: { title: string; hint: string; action?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py={56} px="md">
      <Text fw={600}>{title}</Text>
      <Text c="dimmed" size="sm" ta="center" maw={440}>{hint}</Text>
      {action && <div style={{ marginTop: 12 }}>{action}</div>}
    </Stack>
  );
}

type Failure = { title?: string; hint?: string; error: unknown; again?: () => void; againLabel?: string };

export function ErrorState({ title = texts.failed, hint, error, again, againLabel = texts.again }: Failure) {
  return (
    <Stack align="center" gap={6} py={56} px="md" role="alert">
      <Title order={2}>{title}</Title>
      {hint && <Text c="dimmed" size="sm" ta="center" maw={480}>{hint}</Text>}
      <Text size="sm" ta="center" maw={560}>{error instanceof Error ? error.message : String(error)}</Text>
      {again && <Button variant="default" mt="sm" onClick={again}>{againLabel}</Button>}
    </Stack>
  );
}

/** Rows of the height that the real ones have, so that nothing jumps. */
export function RowsLoading({ rows = 8, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Stack gap={1} p="sm" aria-busy="true" aria-label={texts.loading} role="status">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={height - 16} my={8} radius="sm" />
      ))}
    </Stack>
  );
}
