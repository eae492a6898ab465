import type { Schema } from "../../api/client";
import { StatusChip } from "../../ui/StatusChip";
import { texts } from "./texts";

/** Whether events start it; that it was put away or has problems comes before that. */
export function WorkflowState({ workflow }: { workflow: Schema<"Workflow"> }) {
  if (workflow.archived_at) return <StatusChip tone="quiet">{texts.state.archived}</StatusChip>;
  if (workflow.problems?.length) return <StatusChip tone="bad">{texts.state.problems}</StatusChip>;
  return workflow.is_active ? <StatusChip tone="good">{texts.state.on}</StatusChip> : <StatusChip tone="quiet">{texts.state.off}</StatusChip>;
}
