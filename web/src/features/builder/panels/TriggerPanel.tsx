// What starts the workflow: the event, its form, which changes count, and further filters.
import { Autocomplete, Button, Collapse, SegmentedControl, Select, Stack, TagsInput, Text, Textarea } from "@mantine/core";
import { IconChevronDown, IconPlus } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { isObject, type Json, startsWith } from "../model/json";
import { setValue, setValues } from "../model/operations";
import { ENTRY_RULES, freshStart, RECORD_EVENTS, type StartKind, startKindOf, triggerFields } from "../model/starts";
import { variablesAt } from "../model/variables";
import { useBuilder } from "../state";
import { texts } from "../texts";
import { eventCalled, EVENTS } from "../triggerWords";
import { ConditionBuilder } from "./ConditionBuilder";
import { ConditionsField } from "./ConditionsField";
import { EntryRules } from "./EntryRules";
import { SchedulePanel } from "./SchedulePanel";
import { WebhookPanel } from "./WebhookPanel";

export function TriggerPanel() {
  const { definition, edit, forms, problems, known, actions, mayEdit } = useBuilder();
  const event = definition.trigger_event;
  const config = isObject(definition.trigger_config) ? definition.trigger_config : {};
  const variables = useMemo(() => variablesAt(definition, ["actions", 0], known, actions), [definition, known, actions]);
  const mine = problems.filter(({ node }) => node === "trigger");
  const errorAt = (path: readonly (string | number)[]): string | undefined => mine.find(({ inside }) => startsWith(inside, path))?.message;
  const set = (path: readonly (string | number)[], value: Json | undefined): void => edit(texts.edits.change, setValue(definition, path, value));
  const kind = startKindOf(event);
  const rules = [...ENTRY_RULES.map(({ name }) => name), "onFailure", "logUnmatched"];
  const used = rules.filter((name) => definition[name] !== undefined && definition[name] !== true);
  const [rulesOpen, setRulesOpen] = useState(mine.some(({ inside }) => rules.includes(String(inside[0]))));
  // What no field shows is said at the end. The name stands above the canvas.
  const fields = [["trigger_event"], ["description"], ...rules.map((name) => [name]), ...triggerFields(event, config).map((field) => ["trigger_config", ...field])];
  const loose = mine.filter(({ inside }) => !fields.some((field) => startsWith(inside, field)));
  return (
    <Stack gap="md">
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={texts.startsBy}
        disabled={!mayEdit}
        value={kind}
        data={(["event", "schedule", "webhook", "manual"] as const).map((value) => ({ value, label: texts.starts[value] }))}
        onChange={(next) => edit(texts.edits.change, setValues(definition, Object.entries(freshStart(next as StartKind)).map(([name, value]) => [[name], value])))}
      />
      {kind === "schedule" && <SchedulePanel config={config} disabled={!mayEdit} errorAt={errorAt} set={set} />}
      {kind === "webhook" && <WebhookPanel config={config} disabled={!mayEdit} errorAt={errorAt} set={set} />}
      {kind === "manual" && (
        <Text size="sm" c="dimmed">
          {texts.manualHint}
        </Text>
      )}
      {kind === "event" && <Autocomplete
        label={texts.event}
        description={event in EVENTS ? texts.eventName(event) : texts.eventHint}
        withAsterisk
        data={Object.values(EVENTS)}
        renderOption={({ option }) => (
          <div>
            <Text size="sm">{option.value}</Text>
            <Text size="xs" c="dimmed" ff="monospace">
              {eventCalled(option.value)}
            </Text>
          </div>
        )}
        filter={({ options, search }) => (Object.values(EVENTS).includes(search) ? options : options.filter((option) => "value" in option && (option.value.toLowerCase().includes(search.toLowerCase()) || eventCalled(option.value).includes(search))))}
        value={EVENTS[event] ?? event}
        error={errorAt(["trigger_event"])}
        disabled={!mayEdit}
        inputWrapperOrder={["label", "input", "description", "error"]}
        onChange={(value) => set(["trigger_event"], eventCalled(value))}
      />}
      {event === "submission_completed" && (
        <Select
          label={texts.form}
          description={texts.formHint}
          placeholder={texts.anyForm}
          clearable
          searchable
          data={forms.map(({ id, name }) => ({ value: String(id), label: name }))}
          value={typeof config.formId === "number" ? String(config.formId) : null}
          error={errorAt(["trigger_config", "formId"])}
          disabled={!mayEdit}
          inputWrapperOrder={["label", "input", "description", "error"]}
          onChange={(value) => set(["trigger_config", "formId"], value === null ? undefined : Number(value))}
        />
      )}
      {RECORD_EVENTS.test(event) && (
        <TagsInput
          label={texts.fields}
          description={texts.fieldsHint}
          value={Array.isArray(config.fields) ? config.fields.map(String) : []}
          error={errorAt(["trigger_config", "fields"])}
          disabled={!mayEdit}
          onChange={(value) => set(["trigger_config", "fields"], value.length === 0 ? undefined : value)}
        />
      )}
      {kind === "event" && Array.isArray(config.conditions) && (
        <ConditionsField
          label={texts.triggerFilter}
          list={config.conditions}
          variables={variables}
          disabled={!mayEdit}
          errorAt={(inside) => errorAt(["trigger_config", "conditions", ...inside])}
          onChange={(inside, value) => set(["trigger_config", "conditions", ...inside], inside.length === 0 && Array.isArray(value) && value.length === 0 ? undefined : value)}
        />
      )}
      {kind === "event" && !Array.isArray(config.conditions) && mayEdit && (
        <Button size="xs" variant="subtle" color="gray" px={4} w="fit-content" leftSection={<IconPlus size={14} />} onClick={() => set(["trigger_config", "conditions"], [{ logic: "AND" }, { field: "", operator: "equals", value: "" }])}>
          {texts.addTriggerFilter}
        </Button>
      )}
      <Textarea label={texts.description} placeholder={texts.descriptionHint} autosize minRows={2} value={definition.description ?? ""} disabled={!mayEdit} error={errorAt(["description"])} onChange={(change) => set(["description"], change.currentTarget.value === "" ? null : change.currentTarget.value)} />
      <Button variant="subtle" color="gray" size="xs" px={4} w="fit-content" aria-expanded={rulesOpen} rightSection={<IconChevronDown size={14} style={{ transform: rulesOpen ? "rotate(180deg)" : undefined }} />} onClick={() => setRulesOpen(!rulesOpen)}>
        {used.length === 0 ? texts.rules.title : texts.rules.used(used.length)}
      </Button>
      <Collapse expanded={rulesOpen}>{rulesOpen && <EntryRules variables={variables} errorAt={errorAt} set={set} />}</Collapse>
      {loose.map((problem) => (
        <Text key={problem.path + problem.message} size="sm" c="var(--mantine-color-error)" role="alert">
          {problem.path}: {problem.message}
        </Text>
      ))}
    </Stack>
  );
}

export function ConditionsPanel() {
  const { definition, edit, problems, known, actions, mayEdit } = useBuilder();
  const variables = useMemo(() => variablesAt(definition, ["actions", 0], known, actions), [definition, known, actions]);
  const list = definition.conditions ?? [];
  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        {list.length === 0 ? texts.noConditions : texts.conditionsHint}
      </Text>
      <ConditionBuilder
        list={list}
        variables={variables}
        disabled={!mayEdit}
        errorAt={(inside) => problems.find(({ node, inside: place }) => node === "conditions" && place.length === inside.length && startsWith(place, inside))?.message}
        onChange={(inside, value) => edit(texts.edits.change, setValue(definition, ["conditions", ...inside], value))}
      />
    </Stack>
  );
}
