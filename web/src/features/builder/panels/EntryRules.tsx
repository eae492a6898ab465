// The rules of entry: who gets in, how often, how many at once; when a run has reached its goal; and what is done when one has finally failed.
import { Stack, Switch, Text } from "@mantine/core";
import { SchemaForm } from "../../../forms/SchemaForm";
import type { Variable } from "../../../forms/variables";
import classes from "../builder.module.css";
import type { Json, JsonObject, Path } from "../model/json";
import { arrivingAt } from "../model/variables";
import { ENTRY_RULES, ruleOf } from "../model/starts";
import { useBuilder } from "../state";
import { texts } from "../texts";
import { ConditionsField } from "./ConditionsField";

type Props = { variables: readonly Variable[]; errorAt: (path: Path) => string | undefined; set: (path: Path, value: Json | undefined) => void };

const words = texts.rules;

export function EntryRules({ variables, errorAt, set }: Props) {
  const { definition, known, mayEdit } = useBuilder();
  const disabled = !mayEdit;
  return (
    <Stack gap="md">
      {ENTRY_RULES.map(({ name, begin, schema }) => {
        const rule = ruleOf(definition, name);
        return (
          <div key={name}>
            <Switch label={words[name].title} description={words[name].hint} checked={rule !== undefined} disabled={disabled} error={rule ? undefined : errorAt([name])} onChange={(event) => set([name], event.currentTarget.checked ? begin : undefined)} />
            {rule && (
              <div className={classes.rule} role="group" aria-label={words[name].title}>
                <SchemaForm
                  schema={schema}
                  value={rule}
                  path={[name]}
                  disabled={disabled}
                  context={{
                    variables,
                    errorAt,
                    conditions: ({ label, path, value }) => (
                      <ConditionsField label={label} list={value} variables={[...arrivingAt({ type: "goal", config: { event: rule.event } }, known), ...variables]} disabled={disabled} errorAt={(deeper) => errorAt([...path, ...deeper])} onChange={(deeper, next) => set([...path, ...deeper], next)} />
                    ),
                  }}
                  onChange={(field, value) => set([name, field], value as Json | undefined)}
                  onReplace={(value) => set([name], value as JsonObject)}
                />
                {errorAt([name]) && !Object.keys(schema.properties ?? {}).some((field) => errorAt([name, field])) && (
                  <Text size="xs" c="var(--mantine-color-error)" role="alert" mt={4}>
                    {errorAt([name])}
                  </Text>
                )}
              </div>
            )}
          </div>
        );
      })}
      <Switch label={words.onFailure.title} description={words.onFailure.hint} error={errorAt(["onFailure"])} checked={Array.isArray(definition.onFailure)} disabled={disabled} onChange={(event) => set(["onFailure"], event.currentTarget.checked ? [] : undefined)} />
      <Switch label={words.logUnmatched.title} description={words.logUnmatched.hint} checked={definition.logUnmatched !== false} disabled={disabled} onChange={(event) => set(["logUnmatched"], event.currentTarget.checked ? undefined : false)} />
    </Stack>
  );
}
