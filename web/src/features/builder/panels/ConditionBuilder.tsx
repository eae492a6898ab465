// Conditions, nested as deep as they are. Every change is given back as a place inside the list and its new value.
import { ActionIcon, Autocomplete, Button, Group, NumberInput, Select, Stack, TagsInput, Text, Tooltip } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { TemplateInput } from "../../../forms/TemplateInput";
import type { Variable } from "../../../forms/variables";
import classes from "../builder.module.css";
import { DEEPEST, type Element, type Group as ConditionGroup, isGroup, listOf, type Logic, newComparison, newGroup, operatorOf, operatorsFor, readGroup, readList } from "../model/conditions";
import { isObject, type Json, type JsonObject, type Path } from "../model/json";
import { useBuilder } from "../state";
import { texts } from "../texts";

type Change = (inside: Path, value: Json) => void;
type Props = { list: readonly Json[]; variables: readonly Variable[]; disabled: boolean; errorAt: (inside: Path) => string | undefined; onChange: Change };

const NUMERIC = new Set(["nps", "csat", "ces", "rating", "number"]);

export function ConditionBuilder({ list, variables, disabled, errorAt, onChange }: Props) {
  const { logic, elements } = readList(list);
  return (
    <Level
      logic={logic}
      elements={elements}
      depth={1}
      variables={variables}
      disabled={disabled}
      errorAt={errorAt}
      onSet={onChange}
      onLevel={(nextLogic, values) => onChange([], listOf(nextLogic, values))}
    />
  );
}

type LevelProps = Omit<Props, "list" | "onChange"> & { logic: Logic; elements: Element[]; depth: number; onSet: Change; onLevel: (logic: Logic, values: Json[]) => void };

/** One level: how it is joined, what it joins, and what can be added. */
function Level({ logic, elements, depth, variables, disabled, errorAt, onSet, onLevel }: LevelProps) {
  const values = elements.map(({ value }) => value);
  const choices: Logic[] = depth === 1 ? ["AND", "OR"] : ["AND", "OR", "NOT"];
  const joint = { AND: texts.and, OR: texts.or, NOT: texts.nor }[logic];
  return (
    <Stack gap="xs" data-level>
      {(elements.length > 1 || depth > 1) && (
        <Select
          size="xs"
          aria-label={texts.join}
          allowDeselect={false}
          disabled={disabled}
          data={choices.map((choice) => ({ value: choice, label: texts.joins[choice] }))}
          value={logic}
          onChange={(next) => next && onLevel(next as Logic, values)}
        />
      )}
      {elements.map(({ value, path }, index) => {
        const remove = (): void => onLevel(logic, values.filter((_, at) => at !== index));
        return (
          <div key={index}>
            {index > 0 && (
              <Text size="xs" c="dimmed" mb={4} ml={2}>
                {joint}
              </Text>
            )}
            {isGroup(value) ? (
              <GroupBox group={value} path={path} depth={depth + 1} variables={variables} disabled={disabled} errorAt={errorAt} onSet={onSet} onRemove={remove} />
            ) : (
              <Comparison value={isObject(value) ? value : {}} path={path} variables={variables} disabled={disabled} errorAt={errorAt} onSet={onSet} onRemove={remove} />
            )}
          </div>
        );
      })}
      {!disabled && (
        <Group gap="xs">
          <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={(event) => {
            const level = event.currentTarget.closest("[data-level]");
            onLevel(logic, [...values, newComparison()]);
            // Its field is what comes next.
            setTimeout(() => [...(level?.querySelectorAll<HTMLElement>("[data-comparison] input") ?? [])].findLast((input) => input.dataset.field !== undefined)?.focus(), 60);
          }}>
            {texts.addCondition}
          </Button>
          {depth < DEEPEST && (
            <Button size="xs" variant="subtle" color="gray" onClick={() => onLevel(logic, [...values, newGroup(logic === "OR" ? "AND" : "OR")])}>
              {texts.addGroup}
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}

function GroupBox({ group, path, depth, variables, disabled, errorAt, onSet, onRemove }: Omit<LevelProps, "logic" | "elements" | "onLevel"> & { group: ConditionGroup; path: Path; onRemove: () => void }) {
  const { logic, elements } = readGroup(group);
  return (
    <fieldset className={classes.conditionGroup}>
      <Group gap={4} wrap="nowrap" align="flex-start">
        <div style={{ flex: 1, minWidth: 0 }}>
          <Level
            logic={logic}
            elements={elements.map((element) => ({ value: element.value, path: [...path, ...element.path] }))}
            depth={depth}
            variables={variables}
            disabled={disabled}
            errorAt={errorAt}
            onSet={onSet}
            onLevel={(nextLogic, conditions) => (conditions.length === 0 ? onRemove() : onSet(path, { ...group, logic: nextLogic, conditions }))}
          />
        </div>
        {!disabled && (
          <ActionIcon variant="subtle" color="gray" aria-label={texts.removeGroup} onClick={onRemove}>
            <IconTrash size={16} />
          </ActionIcon>
        )}
      </Group>
    </fieldset>
  );
}

function numberOr(text: string): Json {
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text) ? Number(text) : text;
}

function Comparison({ value, path, variables, disabled, errorAt, onSet, onRemove }: { value: JsonObject; path: Path; variables: readonly Variable[]; disabled: boolean; errorAt: (inside: Path) => string | undefined; onSet: Change; onRemove: () => void }) {
  const { operators } = useBuilder();
  const field = typeof value.field === "string" ? value.field : "";
  const variable = variables.find((candidate) => candidate.path === field);
  const type = variable?.type;
  const written = typeof value.operator === "string" ? value.operator : "equals";
  const operator = operatorOf(operators, written);
  const offered = operatorsFor(operators, type, written);
  const error = (key: string): string | undefined => errorAt([...path, key]);
  const groups = [...new Set(variables.map(({ group }) => group))];
  const labels = new Map(variables.map((candidate) => [candidate.path, candidate]));

  const setOperator = (name: string): void => {
    const next = operators.find((candidate) => candidate.name === name);
    const changed: JsonObject = { ...value, field, operator: name };
    if (next && !next.takesValue) delete changed.value;
    else if (next?.valueIsList && !Array.isArray(value.value)) changed.value = value.value === undefined || value.value === "" ? [] : [value.value];
    else if (next && !next.valueIsList && Array.isArray(value.value)) changed.value = value.value[0] ?? "";
    else if (value.value === undefined) changed.value = "";
    onSet(path, changed);
  };
  const setField = (next: string): void => {
    const nextType = labels.get(next)?.type;
    const fits = operatorsFor(operators, nextType, "").some(({ name, aliases }) => name === written || aliases.includes(written));
    onSet(path, { ...value, field: next, ...(fits ? {} : { operator: "equals" }) });
  };

  return (
    <div className={classes.comparison} data-comparison role="group" aria-label={variable?.label ?? (field || texts.addCondition)}>
      <Group gap={6} wrap="nowrap" align="flex-start">
        <Autocomplete
          flex={1}
          data-field={field}
          aria-label={texts.field}
          placeholder={texts.fieldPlaceholder}
          data={groups.map((group) => ({ group, items: variables.filter((candidate) => candidate.group === group).map(({ path: item }) => item) }))}
          renderOption={({ option }) => (
            <div>
              <Text size="sm">{labels.get(option.value)?.label ?? option.value}</Text>
              <Text size="xs" c="dimmed" ff="monospace">
                {option.value}
              </Text>
            </div>
          )}
          filter={({ options, search }) => {
            const sought = search.toLowerCase();
            const exact = labels.has(search);
            return options.flatMap((group): typeof options => {
              if (!("items" in group)) return [group];
              const items = group.items.filter((item) => exact || item.value.toLowerCase().includes(sought) || (labels.get(item.value)?.label.toLowerCase().includes(sought) ?? false));
              return items.length > 0 ? [{ ...group, items }] : [];
            });
          }}
          comboboxProps={{ width: 320, position: "bottom-start" }}
          maxDropdownHeight={320}
          value={field}
          disabled={disabled}
          error={error("field")}
          {...(variable ? { description: variable.label } : {})}
          inputWrapperOrder={["input", "description", "error"]}
          onChange={setField}
        />
        {!disabled && (
          <Tooltip label={texts.removeCondition} openDelay={500}>
            <ActionIcon variant="subtle" color="gray" mt={4} aria-label={texts.removeCondition} onClick={onRemove}>
              <IconTrash size={16} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
      <Group gap={6} mt={6} wrap="nowrap" align="flex-start" grow preventGrowOverflow={false}>
        <Select
          aria-label={texts.operator}
          allowDeselect={false}
          disabled={disabled}
          data={offered.map(({ name, title }) => ({ value: name, label: title }))}
          value={operator?.name ?? null}
          error={error("operator")}
          comboboxProps={{ width: 220, position: "bottom-start" }}
          maxDropdownHeight={320}
          onChange={(name) => name && setOperator(name)}
        />
        {operator?.takesValue !== false && (
          <ValueInput key={operator?.valueIsList ? "list" : type} value={value.value} type={type} isList={operator?.valueIsList === true} variable={variable} variables={variables} disabled={disabled} error={error("value")} onChange={(next) => onSet([...path, "value"], next)} />
        )}
      </Group>
    </div>
  );
}

function ValueInput({ value, type, isList, variable, variables, disabled, error, onChange }: { value: Json | undefined; type: string | undefined; isList: boolean; variable: Variable | undefined; variables: readonly Variable[]; disabled: boolean; error: string | undefined; onChange: (value: Json) => void }) {
  const text = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const numeric = type !== undefined && NUMERIC.has(type);
  if (isList) {
    const items = Array.isArray(value) ? value.map(String) : [];
    return <TagsInput aria-label={texts.values} placeholder={items.length === 0 ? texts.values : ""} data={[...(variable?.options ?? [])]} value={items} disabled={disabled} error={error} onChange={(next) => onChange(numeric ? next.map(numberOr) : next)} />;
  }
  if (variable?.options && variable.options.length > 0 && !text.includes("{{")) {
    return <Autocomplete aria-label={texts.value} placeholder={texts.value} data={[...variable.options]} value={text} disabled={disabled} error={error} comboboxProps={{ width: 220, position: "bottom-end" }} onChange={onChange} />;
  }
  if (numeric && !text.includes("{{")) {
    return <NumberInput aria-label={texts.value} placeholder={texts.value} value={typeof value === "number" ? value : text} disabled={disabled} error={error} onChange={(next) => onChange(next)} />;
  }
  if (type === "consent" || type === "boolean") {
    return <Select aria-label={texts.value} placeholder={texts.value} data={["true", "false"]} value={text === "" ? null : text} disabled={disabled} error={error} onChange={(next) => next && onChange(next === "true")} />;
  }
  return <TemplateInput name={texts.value} placeholder={texts.value} value={text} variables={variables} disabled={disabled} error={error} onChange={(next) => onChange(type === "text" || type === "email" || type === "long_text" ? next : numberOr(next))} />;
}
