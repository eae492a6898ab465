// A workflow in small, to see what it is like: no controls, nothing to press.
import { Center, Loader } from "@mantine/core";
import { useMemo } from "react";
import { WorkflowCanvas } from "../canvas/WorkflowCanvas";
import { definitionOf } from "../model/definition";
import type { JsonObject } from "../model/json";
import { texts } from "../texts";
import { useCatalogue } from "./useCatalogue";

export function PreviewCanvas({ definition: given }: { definition: JsonObject }) {
  const definition = useMemo(() => definitionOf(given), [given]);
  const { isReady, actions, operators, nameOf, formName } = useCatalogue(definition);
  if (!isReady)
    return (
      <Center h="100%">
        <Loader size="sm" role="status" aria-label={texts.loading} />
      </Center>
    );
  return <WorkflowCanvas actions={actions} operators={operators} nameOf={nameOf} formName={formName} definition={definition} readOnly minimap={false} controls={false} label={texts.previewCanvas} />;
}
