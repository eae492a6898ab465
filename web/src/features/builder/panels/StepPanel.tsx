// One step: what it does, as a form drawn from the catalogue's schema, and what happens when it fails.
import { ActionIcon, Button, Collapse, Group, Menu, MultiSelect, NumberInput, Stack, Switch, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconChevronDown, IconCopy, IconDots, IconTrash } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { DurationField } from "../../../forms/fields/DurationField";
import { SchemaForm, type SchemaFormContext, type Suggestion } from "../../../forms/SchemaForm";
import type { Variable } from "../../../forms/variables";
import { titleOf } from "../model/catalogue";
import { withConnection } from "../model/connections";
import { isObject, type Json, type JsonObject, type Path, samePath, startsWith } from "../model/json";
import { nestedLists, type Place } from "../model/lists";
import { duplicateSteps, nudgeStep, removeSteps, setValue } from "../model/operations";
import { arrivingAt, insideAt, variablesAt } from "../model/variables";
import { useBuilder } from "../state";
import { texts } from "../texts";
import { ConditionsField } from "./ConditionsField";

const CONTACT_FIELDS = ["segment", "name", "email", "phone", "company", "language", "owner_id", "time_zone", "tags"];
const RETRY_ON = ["timeout", "5xx", "429", "connection"];

export function StepPanel({ place }: { place: Place }) {
  const { definition, edit, actions, problems, people, connections, providers, known, mayEdit } = useBuilder();
  const { step, path } = place;
  const id = step.id ?? "";
  const action = actions.find(({ name }) => name === step.type);
  const variables = useMemo(() => variablesAt(definition, path, known, actions), [definition, path, known, actions]);
  const mine = problems.filter(({ node }) => typeof node === "object" && samePath(node.path, path));

  const set = (inside: Path, value: Json | undefined): void => edit(texts.edits.change, setValue(definition, [...path, ...inside], value));
  const one = new Set([id]);

  const errorAt = (inside: readonly (string | number)[]): string | undefined => {
    const found = mine.filter((problem) => startsWith(problem.inside, inside));
    return found.length === 0 ? undefined : found.map(({ message }) => message).join("\n");
  };

  const suggestions = useMemo((): Record<string, readonly Suggestion[]> => {
    const users = people.map((person) => ({ value: String(person.id), label: person.name ?? person.email, group: texts.people }));
    const ways = connections.map(({ name, provider }) => ({ value: name, label: `${name} (${provider})`, group: texts.connections }));
    return { "user-id": users, connection: ways };
  }, [people, connections]);

  const context: SchemaFormContext = {
    variables,
    suggestions,
    // The catalogue's sample shows what is usual.
    ...(action?.sample ? { usual: Object.keys(action.sample) } : {}),
    errorAt,
    pairNames: (field) => (step.type === "update_contact" && field === "updates" ? CONTACT_FIELDS : undefined),
    conditions: ({ label, description, path: inside, value, disabled }) => (
      <ConditionsField
        label={label}
        description={description}
        list={value}
        // What ends a loop sees the steps of its round; what an event is looked at with sees the event.
        variables={inside[1] === "until" ? insideAt(definition, place, known, actions) : inside.length === 2 && inside[1] === "conditions" ? [...arrivingAt(step, known), ...variables] : variables}
        disabled={disabled}
        errorAt={(deeper) => errorAt([...inside, ...deeper])}
        onChange={(deeper, next) => set([...inside, ...deeper], next)}
      />
    ),
  };
  const config = isObject(step.config) ? step.config : {};
  const schema = useMemo(() => withConnection(action?.schema ?? {}, isObject(step.config) ? step.config : {}, connections, providers), [action, step.config, connections, providers]);
  // What no field of the form shows is said at the top.
  const shown = Object.keys(action?.schema.properties ?? {});
  const loose = mine.filter(({ inside }) => !(inside[0] === "config" && shown.includes(String(inside[1]))));

  return (
    <Stack gap="md">
      <Group gap={4} wrap="nowrap" align="flex-end">
        <TextInput
          flex={1}
          label={texts.stepName}
          placeholder={titleOf({ type: step.type }, actions)}
          value={step.name ?? ""}
          disabled={!mayEdit}
          onChange={(event) => set(["name"], event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
        />
        {mayEdit && (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="default" size={36} aria-label={texts.more}>
                <IconDots size={18} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconArrowUp size={16} />} onClick={() => edit(texts.edits.move, nudgeStep(definition, id, -1))}>
                {texts.moveUp}
              </Menu.Item>
              <Menu.Item leftSection={<IconArrowDown size={16} />} onClick={() => edit(texts.edits.move, nudgeStep(definition, id, 1))}>
                {texts.moveDown}
              </Menu.Item>
              <Menu.Item
                leftSection={<IconCopy size={16} />}
                onClick={() => {
                  const copies = duplicateSteps(definition, one);
                  if (copies) edit(texts.edits.duplicate, copies.edit, copies.ids);
                }}
              >
                {texts.duplicate}
              </Menu.Item>
              <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => edit(texts.edits.remove, removeSteps(definition, one))}>
                {texts.deleteStep}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </Group>
      <Text size="sm" c="dimmed">
        {action ? action.description : texts.unknownType(step.type)}
      </Text>
      {loose.map((problem) => (
        <Text key={problem.path + problem.message} size="sm" c="var(--mantine-color-error)" role="alert">
          {problem.message}
        </Text>
      ))}
      {action && <SchemaForm key={id} schema={schema} value={config} path={["config"]} context={context} disabled={!mayEdit} onChange={(name, value) => set(["config", name], value as Json | undefined)} onReplace={(next) => set(["config"], next as JsonObject)} />}
      {nestedLists(step).length > 0 && (
        <Text size="xs" c="dimmed">
          {texts.insideSteps}
        </Text>
      )}
      <Behaviour key={`behaviour-${id}`} place={place} variables={variables} errorAt={errorAt} set={set} />
      <Textarea label={texts.notes} description={texts.notesHint} autosize minRows={1} maxRows={8} value={typeof step.notes === "string" ? step.notes : ""} error={errorAt(["notes"])} disabled={!mayEdit} inputWrapperOrder={["label", "input", "description", "error"]} onChange={(event) => set(["notes"], event.currentTarget.value === "" ? undefined : event.currentTarget.value)} />
    </Stack>
  );
}

type BehaviourProps = { place: Place; variables: readonly Variable[]; errorAt: (inside: readonly (string | number)[]) => string | undefined; set: (inside: Path, value: Json | undefined) => void };

/** What happens around the step: when it is passed over, what its failure means, how often and how long it is tried. */
function Behaviour({ place, variables, errorAt, set }: BehaviourProps) {
  const { actions, mayEdit } = useBuilder();
  const { step } = place;
  const action = actions.find(({ name }) => name === step.type);
  const retry: JsonObject | undefined = isObject(step.retry) ? step.retry : undefined;
  const settings = [["critical"], ["retry"], ["timeoutMs"], ["skipIf"], ["onError"]];
  const [open, setOpen] = useState(settings.some((inside) => errorAt(inside) !== undefined));
  const waits = action?.effect === "wait";
  const isAction = action?.effect !== undefined;
  // What a control step does, its tries and its time are those of the whole; of one that decides at once there is nothing to try, and nothing to wait for.
  const lasts = !isAction && !["set", "stop", "filter"].includes(step.type);
  const tried = action?.effect === "external" || lasts || retry !== undefined;
  // A step that holds others fails when one of them does, and the run with it unless it says otherwise.
  const holds = nestedLists({ ...step, onError: undefined }).length > 0;
  const critical = typeof step.critical === "boolean" ? step.critical : holds;
  const texted = (value: Json | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);
  const skips = Array.isArray(step.skipIf);
  return (
    <Stack gap="sm">
      <Button variant="subtle" color="gray" size="xs" px={4} w="fit-content" aria-expanded={open} rightSection={<IconChevronDown size={14} style={{ transform: open ? "rotate(180deg)" : undefined }} />} onClick={() => setOpen(!open)}>
        {texts.behaviour}
      </Button>
      <Collapse expanded={open}>
        <Stack gap="md">
          {!waits && (
            <Switch
              label={texts.isCritical}
              description={holds ? texts.isCriticalInside : texts.isCriticalHint}
              checked={critical}
              disabled={!mayEdit}
              onChange={(event) => set(["critical"], event.currentTarget.checked === holds ? undefined : event.currentTarget.checked)}
            />
          )}
          {!waits && <Switch label={texts.onError} description={texts.onErrorHint} error={errorAt(["onError"])} checked={Array.isArray(step.onError)} disabled={!mayEdit} onChange={(event) => set(["onError"], event.currentTarget.checked ? [] : undefined)} />}
          {tried && (
            <Switch
              label={texts.retryStep}
              description={lasts ? texts.retryWholeHint : texts.retryStepHint}
              checked={retry !== undefined}
              disabled={!mayEdit}
              onChange={(event) => set(["retry"], event.currentTarget.checked ? (isObject(action?.suggested_retry) ? action.suggested_retry : { attempts: 3, delays: ["5s", "30s"] }) : undefined)}
            />
          )}
          {retry && (
            <>
              <NumberInput label={texts.attempts} min={1} max={20} allowDecimal={false} value={typeof retry.attempts === "number" ? retry.attempts : ""} error={errorAt(["retry", "attempts"])} disabled={!mayEdit} onChange={(value) => set(["retry", "attempts"], value === "" ? undefined : Number(value))} />
              {!isObject(retry.backoff) && (
                <TagsInput label={texts.delays} description={texts.delaysHint} value={texted(retry.delays)} error={errorAt(["retry", "delays"])} disabled={!mayEdit} onChange={(value) => set(["retry", "delays"], value)} />
              )}
              {(isAction || retry.on !== undefined) && <MultiSelect label={texts.retryOn} data={RETRY_ON} value={texted(retry.on)} error={errorAt(["retry", "on"])} disabled={!mayEdit} onChange={(value) => set(["retry", "on"], value.length === 0 ? undefined : value)} />}
            </>
          )}
          {lasts && <DurationField name="timeoutMs" label={texts.timeoutWhole} schema={{ description: texts.timeoutWholeHint }} value={step.timeoutMs} required={false} error={errorAt(["timeoutMs"])} variables={[]} disabled={!mayEdit} onChange={(value) => set(["timeoutMs"], value as Json | undefined)} />}
          {((isAction && !waits) || (!lasts && step.timeoutMs !== undefined)) && (
            <NumberInput
              label={texts.timeout}
              description={texts.timeoutHint}
              min={1}
              value={typeof step.timeoutMs === "number" ? step.timeoutMs / 1000 : ""}
              error={errorAt(["timeoutMs"])}
              disabled={!mayEdit}
              onChange={(value) => set(["timeoutMs"], value === "" ? undefined : Math.round(Number(value) * 1000))}
            />
          )}
          <Switch label={texts.skipIf} description={texts.skipIfHint} checked={skips} disabled={!mayEdit} onChange={(event) => set(["skipIf"], event.currentTarget.checked ? [{ logic: "AND" }, { field: "", operator: "equals", value: "" }] : undefined)} />
          {skips && <ConditionsField label={texts.skipIfConditions} list={step.skipIf} variables={variables} disabled={!mayEdit} errorAt={(deeper) => errorAt(["skipIf", ...deeper])} onChange={(deeper, next) => set(["skipIf", ...deeper], deeper.length === 0 && Array.isArray(next) && next.length === 0 ? undefined : next)} />}
          <Switch label={texts.isDisabled} description={texts.isDisabledHint} checked={step.disabled === true} disabled={!mayEdit} onChange={(event) => set(["disabled"], event.currentTarget.checked ? true : undefined)} />
        </Stack>
      </Collapse>
    </Stack>
  );
}
