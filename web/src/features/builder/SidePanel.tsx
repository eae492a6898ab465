// What is open at the side: the settings of what is chosen, the test run, or the versions.
import { Button, CloseButton, Group, Stack, Text } from "@mantine/core";
import classes from "./builder.module.css";
import { titleOf } from "./model/catalogue";
import { placeOf } from "./model/lists";
import { duplicateSteps, removeSteps, setOfSteps } from "./model/operations";
import { HistoryPanel } from "./panels/HistoryPanel";
import { StepPanel } from "./panels/StepPanel";
import { StepResult, TestPanel, Verdicts } from "./panels/TestPanel";
import { ConditionsPanel, TriggerPanel } from "./panels/TriggerPanel";
import { selectedIds, useBuilder } from "./state";
import { texts } from "./texts";

export function SidePanel({ publishedVersion, hasDraft, onDiscard, onClose }: { publishedVersion: number; hasDraft: boolean; onDiscard: () => void; onClose: () => void }) {
  const { state, definition, actions, mayEdit } = useBuilder();
  const { selection, panel } = state;
  const ids = selectedIds(selection);
  const place = ids.length === 1 && ids[0] !== undefined ? placeOf(definition, ids[0]) : undefined;
  const title =
    panel === "test" ? texts.testTitle : panel === "history" ? texts.historyTitle : selection.kind === "trigger" ? texts.trigger : selection.kind === "conditions" ? texts.conditionsTitle : place ? titleOf({ type: place.step.type }, actions) : ids.length > 1 ? texts.severalSteps(ids.length) : texts.settings;
  return (
    <aside className={classes.side} aria-label={title} data-panel={panel}>
      <div className={classes.sideHead}>
        <h2 className={classes.sideTitle}>{title}</h2>
        <CloseButton aria-label={texts.close} onClick={onClose} />
      </div>
      <div className={classes.sideBody} data-panel-body>
        {!mayEdit && (
          <Text size="sm" c="dimmed" mb="md">
            {texts.viewer}
          </Text>
        )}
        {panel === "test" && <TestPanel />}
        {panel === "history" && <HistoryPanel publishedVersion={publishedVersion} hasDraft={hasDraft} onDiscard={onDiscard} />}
        {panel === "settings" && selection.kind === "trigger" && <TriggerPanel />}
        {panel === "settings" && selection.kind === "conditions" && <ConditionsPanel />}
        {panel === "settings" && place && <StepPanel place={place} />}
        {panel === "settings" && ids.length > 1 && <Several />}
        {panel === "settings" && selection.kind === "none" && (
          <Text size="sm" c="dimmed">
            {texts.nothingChosen}
          </Text>
        )}
        {panel === "settings" && <Tested stepId={place?.step.id} />}
      </div>
    </aside>
  );
}

/** What the last test run said of what is chosen. */
function Tested({ stepId }: { stepId: string | undefined }) {
  const { state } = useBuilder();
  const { dryRun, selection } = state;
  if (!dryRun) return null;
  const action = dryRun.actions.find((candidate) => candidate.stepId === stepId);
  if (selection.kind === "conditions" && dryRun.conditions.length > 0)
    return (
      <Stack gap="xs" mt="xl">
        <Text size="sm" fw={600}>
          {texts.testTitle}
        </Text>
        <Verdicts conditions={dryRun.conditions} />
      </Stack>
    );
  if (!action) return null;
  return (
    <Stack gap="xs" mt="xl">
      <Text size="sm" fw={600}>
        {texts.testTitle}
      </Text>
      <StepResult action={action} />
    </Stack>
  );
}

function Several() {
  const { state, definition, edit, mayEdit } = useBuilder();
  const ids = new Set(selectedIds(state.selection));
  if (!mayEdit) return null;
  return (
    <Group gap="xs">
      <Button
        size="xs"
        variant="default"
        onClick={() => {
          const copies = duplicateSteps(definition, ids);
          if (copies) edit(texts.edits.duplicate, copies.edit, copies.ids);
        }}
      >
        {texts.duplicate}
      </Button>
      <Button size="xs" variant="default" onClick={() => edit(texts.edits.change, setOfSteps(definition, ids, "disabled", true))}>
        {texts.switchOff}
      </Button>
      <Button size="xs" variant="default" onClick={() => edit(texts.edits.change, setOfSteps(definition, ids, "disabled", undefined))}>
        {texts.switchStepOn}
      </Button>
      <Button size="xs" color="red" variant="light" onClick={() => edit(texts.edits.remove, removeSteps(definition, ids))}>
        {texts.deleteStep}
      </Button>
    </Group>
  );
}
