// The workflow as a nested list: for screen readers, for phones, and for whoever likes text.
import { Badge, Button, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { stepText, titleOf } from "./model/catalogue";
import { sentence } from "./model/conditions";
import { isStep } from "./model/definition";
import { nodeIdOf } from "./model/graph";
import { type Path, pathText, valueAt } from "./model/json";
import { nestedLists } from "./model/lists";
import type { Gap } from "./model/operations";
import { selectedIds, useBuilder } from "./state";
import { texts } from "./texts";
import { triggerWords } from "./triggerWords";
import classes from "./builder.module.css";

export function ListView({ onSelect, onGap, formName }: { onSelect: (nodeId: string, event: { extend: boolean; open: boolean }) => void; onGap: (gap: Gap) => void; formName: string | undefined }) {
  const { definition, operators, nameOf, state, problems } = useBuilder();
  const trigger = triggerWords(definition, formName);
  const said = sentence(definition.conditions ?? [], operators, nameOf);
  const count = (node: "trigger" | "conditions"): number => problems.filter((problem) => problem.node === node).length;
  return (
    <div className={classes.listView}>
      <h2 className={classes.listHeading}>{texts.listHeading}</h2>
      <Row id="trigger" title={trigger.title} text={trigger.text} selected={state.selection.kind === "trigger"} problems={count("trigger")} onSelect={onSelect} />
      <Row id="conditions" title={said ? texts.conditions : texts.always} text={said || texts.alwaysHint} selected={state.selection.kind === "conditions"} problems={count("conditions")} onSelect={onSelect} />
      <Steps list={["actions"]} onSelect={onSelect} onGap={onGap} label={texts.steps} />
      {Array.isArray(definition.onFailure) && (
        <>
          <h3 className={classes.listHeading}>{texts.ifRunFails}</h3>
          <Steps list={["onFailure"]} onSelect={onSelect} onGap={onGap} label={texts.ifRunFails} />
        </>
      )}
    </div>
  );
}

function Row({ id, title, text, selected, problems, onSelect, disabled = false }: { id: string; title: string; text: string; selected: boolean; problems: number; onSelect: (nodeId: string, event: { extend: boolean; open: boolean }) => void; disabled?: boolean }) {
  return (
    <button type="button" className={classes.listRow} data-node={id} data-selected={selected || undefined} onClick={(event) => onSelect(id, { extend: event.shiftKey || event.ctrlKey || event.metaKey, open: !(event.shiftKey || event.ctrlKey || event.metaKey) })}>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="sm" fw={600} component="span">
          {title}
        </Text>
        <Group gap={4} wrap="nowrap">
          {disabled && (
            <Badge size="sm" variant="default" tt="none">
              {texts.disabled}
            </Badge>
          )}
          {problems > 0 && (
            <Badge size="sm" color="red" variant="light" tt="none">
              {texts.problem(problems)}
            </Badge>
          )}
        </Group>
      </Group>
      <Text size="xs" c="dimmed" component="span" display="block" lineClamp={2}>
        {text}
      </Text>
    </button>
  );
}

function Steps({ list, onSelect, onGap, label }: { list: Path; onSelect: (nodeId: string, event: { extend: boolean; open: boolean }) => void; onGap: (gap: Gap) => void; label: string }) {
  const { definition, actions, operators, nameOf, state, problems, mayEdit } = useBuilder();
  const found = valueAt(definition, list);
  const steps = Array.isArray(found) ? found.filter(isStep) : [];
  const chosen = new Set(selectedIds(state.selection));
  return (
    <ol className={classes.listSteps} aria-label={label}>
      {steps.map((step, index) => {
        const path = [...list, index];
        return (
          <li key={step.id ?? pathText(path)}>
            <Row
              id={nodeIdOf(step, path)}
              title={titleOf(step, actions)}
              text={stepText(step, operators, nameOf) || texts.notSetUp}
              disabled={step.disabled === true}
              selected={step.id !== undefined && chosen.has(step.id)}
              problems={problems.filter(({ node }) => typeof node === "object" && node.stepId === step.id).length}
              onSelect={onSelect}
            />
            {nestedLists(step).map((nested) => (
              <div key={pathText(nested.path)} className={classes.listNested}>
                <Text size="xs" fw={600}>
                  {nested.label}
                </Text>
                <Steps list={[...path, ...nested.path]} onSelect={onSelect} onGap={onGap} label={nested.label} />
              </div>
            ))}
          </li>
        );
      })}
      {mayEdit && (
        <li>
          <Button data-add variant="subtle" size="xs" leftSection={<IconPlus size={14} />} onClick={() => onGap({ list, index: steps.length })}>
            {texts.addFirst}
          </Button>
        </li>
      )}
    </ol>
  );
}
