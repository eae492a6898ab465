import { Text, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

/** One part of the settings, which is saved by itself. */
export function Section({ title, hint, children }: { title: string; hint: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className="panel" style={{ padding: 20, marginBottom: 16, maxWidth: 680 }} aria-labelledby={id}>
      <Title order={2} id={id} mb={4}>{title}</Title>
      <Text size="sm" c="dimmed" mb="md" component="div">{hint}</Text>
      {children}
    </section>
  );
}
