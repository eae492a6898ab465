// A run, drawn on the workflow as it was when the run began. To look at: a press on a step says which one.
import { Alert, Center, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api";
import { WorkflowCanvas } from "../canvas/WorkflowCanvas";
import { definitionOf } from "../model/definition";
import { type Row, runOf, type RunStatus } from "../model/run";
import { texts } from "../texts";
import { useCatalogue } from "./useCatalogue";

export type RunCanvasProps = { workflowId: number; version: number; status: RunStatus; rows: readonly Row[]; chosen: string | undefined; onChoose: (stepId: string) => void };

export function RunCanvas({ workflowId, version, status, rows, chosen, onChoose }: RunCanvasProps) {
  // A version never changes.
  const stored = useQuery({ queryKey: ["builder", "version", workflowId, version], queryFn: () => api.version(workflowId, version), staleTime: Infinity });
  const definition = useMemo(() => stored.data && definitionOf(stored.data.definition), [stored.data]);
  const { isReady, error, ...catalogue } = useCatalogue(definition);
  const run = useMemo(() => definition && runOf(definition, rows, status), [definition, rows, status]);
  const selected = useMemo(() => new Set(chosen === undefined ? [] : [chosen === "conditions" ? chosen : `step:${chosen}`]), [chosen]);
  const failed = stored.error ?? error;
  if (failed)
    return (
      <Alert color="gray" variant="light" m="md">
        {texts.noCanvas} {failed.message}
      </Alert>
    );
  if (!definition || !run || !isReady)
    return (
      <Center h="100%">
        <Loader size="sm" role="status" aria-label={texts.loading} />
      </Center>
    );
  return (
    <WorkflowCanvas
      {...catalogue}
      definition={definition}
      readOnly
      statuses={run.states}
      details={run.details}
      taken={run.taken}
      selected={selected}
      label={texts.runCanvas}
      onSelect={(nodeId) => {
        if (nodeId !== "trigger") onChoose(nodeId.replace(/^step:/, ""));
      }}
    />
  );
}
