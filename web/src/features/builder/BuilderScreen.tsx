// The builder: loads what it needs, then edits one workflow.
import { Alert, Button, Center, Loader, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, ApiFailure } from "./api";
import { Editor } from "./Editor";
import { texts } from "./texts";

export type BuilderScreenProps = {
  workflowId: number;
  /** A link back to the list, drawn at the left of the bar. */
  back?: ReactNode;
};

export function BuilderScreen({ workflowId, back }: BuilderScreenProps) {
  const fresh = { staleTime: 0, gcTime: 0, refetchOnWindowFocus: false, retry: 1 } as const;
  const workflow = useQuery({ queryKey: ["builder", "workflow", workflowId], queryFn: () => api.workflow(workflowId), ...fresh });
  const actions = useQuery({ queryKey: ["builder", "actions"], queryFn: api.steps });
  const operators = useQuery({ queryKey: ["builder", "operators"], queryFn: api.operators });
  const session = useQuery({ queryKey: ["builder", "session"], queryFn: api.session });
  const failed = [workflow, actions, operators, session].find(({ error }) => error !== null);
  if (failed) {
    const missing = failed.error instanceof ApiFailure && failed.error.status === 404;
    return (
      <Center h="100%" p="md">
        <Alert color={missing ? "gray" : "red"} variant="light" title={missing ? texts.notFound : texts.loadFailed} maw={440}>
          <Stack gap="sm" align="flex-start">
            {failed.error?.message}
            <Button size="xs" variant="default" onClick={() => void failed.refetch()}>
              {texts.retry}
            </Button>
            {back}
          </Stack>
        </Alert>
      </Center>
    );
  }
  if (!workflow.data || !actions.data || !operators.data || !session.data)
    return (
      <Center h="100%">
        <Loader size="sm" role="status" aria-label={texts.loading} />
      </Center>
    );
  return <Editor key={workflowId} first={workflow.data} actions={actions.data} operators={operators.data} mayEdit={session.data.role !== "viewer"} back={back} />;
}
