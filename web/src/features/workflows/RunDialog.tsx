import { Alert, Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, take, takeData } from "../../api/client";
import { reasonOf } from "../../api/failure";
import { useAction, useFailure } from "../../ui/useAction";
import { texts } from "./texts";

const words = texts.run;

type Props = { workflow: { id: number; name: string }; isOpen: boolean; close: () => void };

/** Starts a workflow by hand: with data as its trigger would bring them. */
export function RunDialog({ workflow, isOpen, close }: Props) {
  return (
    <Modal opened={isOpen} onClose={close} title={<Text fw={600}>{words.title(workflow.name)}</Text>} size="lg">
      {isOpen && <Filling workflow={workflow} close={close} />}
    </Modal>
  );
}

function Filling({ workflow, close }: Omit<Props, "isOpen">) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState<string>();
  const [failure, tell] = useFailure();
  // What the last run began with is the best example of what it needs: taken once, so that nothing changes under somebody's hands.
  const last = useQuery({ queryKey: ["usual", workflow.id], staleTime: Infinity, gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false, queryFn: () => take(api.GET("/api/workflow-executions", { params: { query: { workflowId: workflow.id, limit: 1 } } })) });
  const usual = last.data?.data[0]?.trigger_data;
  const text = typed ?? (usual ? JSON.stringify(usual, null, 2) : "{}");
  const run = useAction((data: Record<string, unknown>) => takeData(api.POST("/api/workflows/{id}/run", { params: { path: { id: workflow.id } }, body: { data } })), { touches: ["executions", "overview"], done: words.started, failed: tell });
  const submit = () => {
    const data = read(text);
    if (!data) return tell(words.noObject);
    tell(null);
    run.mutate(data, {
      onSuccess: (begun) => {
        close();
        const id = "executions" in begun ? begun.executions[0]?.id : undefined;
        if (id !== undefined) void navigate({ to: "/executions/$executionId", params: { executionId: String(id) } });
      },
    });
  };
  return (
    <Stack>
      <Text size="sm" c="dimmed">{words.hint}</Text>
      {failure !== null && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
      <Textarea label={words.data} autosize minRows={6} maxRows={18} value={text} onChange={(event) => setTyped(event.currentTarget.value)} data-autofocus styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} />
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={close}>{words.cancel}</Button>
        <Button loading={run.isPending} onClick={submit}>{words.action}</Button>
      </Group>
    </Stack>
  );
}

function read(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.trim() === "" ? "{}" : text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
