import { Container, Group, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";

type Props = { title: string; hint?: ReactNode; actions?: ReactNode; above?: ReactNode; children: ReactNode; size?: number };

/** Every screen begins at the same edge, however wide its content is. */
const WIDEST = 1180;

/** A screen: its title, what can be done, its content. */
export function Page({ title, hint, actions, above, children, size = WIDEST }: Props) {
  useEffect(() => {
    document.title = `${title} · VTrustX Workflows`;
  }, [title]);
  return (
    <Container size={WIDEST} px={{ base: "sm", sm: "lg" }} py={{ base: "md", sm: "lg" }}>
      <div style={{ maxWidth: size }}>
        {above}
        <Group justify="space-between" align="flex-start" mb="md" gap="sm">
          <div style={{ minWidth: 0, flex: "1 1 220px" }}>
            <Title order={1}>{title}</Title>
            {hint && <Text c="dimmed" size="sm" component="div">{hint}</Text>}
          </div>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {children}
      </div>
    </Container>
  );
}
