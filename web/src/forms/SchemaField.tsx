import { Autocomplete, NumberInput, PasswordInput, Select, Switch, TagsInput, Text } from "@mantine/core";
import { DurationField } from "./fields/DurationField";
import type { FieldProps } from "./fields/field";
import { JsonField } from "./fields/JsonField";
import { PairsField } from "./fields/PairsField";
import { RowsField } from "./fields/RowsField";
import classes from "./forms.module.css";
import { withKey } from "./objects";
import { type FieldKind, flattened, type JsonSchema, labelOf, typesOf, wordOf } from "./schema";
import { SchemaForm, type SchemaFormContext } from "./SchemaForm";
import { TemplateInput } from "./TemplateInput";
import { texts } from "./texts";
import type { Variable } from "./variables";

type Props = Omit<FieldProps, "variables"> & { kind: FieldKind; context: SchemaFormContext; path: (string | number)[] };

/** Text that may be a number: a whole number stays one where the schema takes one. */
function typed(text: string, schema: JsonSchema): unknown {
  if (text === "") return undefined;
  const types = typesOf(schema);
  const takesNumbers = types.length === 0 || types.includes("integer") || types.includes("number");
  if (takesNumbers && /^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (types.length === 0 && (text === "true" || text === "false")) return text === "true";
  return text;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The fields of an object inside; what it has beside them is a list of names and values, where the schema takes more. */
function Group({ name, schema, value, error, disabled, onChange, context, path }: Omit<Props, "kind">) {
  const object = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const known = Object.keys(schema.properties ?? {});
  const further = Object.fromEntries(Object.entries(object).filter(([key]) => !known.includes(key)));
  const takesMore = schema.additionalProperties !== undefined && schema.additionalProperties !== false;
  const isElsewhere = known.some((inner) => context.errorAt([...path, inner]) !== undefined);
  const replaced = (rest: unknown): Record<string, unknown> => ({ ...Object.fromEntries(Object.entries(object).filter(([key]) => known.includes(key))), ...(typeof rest === "object" && rest !== null ? rest : {}) });
  return (
    <fieldset className={classes.rows}>
      <legend className={classes.legend}>{labelOf(name, schema)}</legend>
      <SchemaForm schema={schema} value={value} path={path} context={context} disabled={disabled} onChange={(inner, item) => onChange(withKey(value, inner, item))} />
      {(takesMore || Object.keys(further).length > 0) && (
        <div style={{ marginTop: 12 }}>
          <PairsField name={name} label={texts.further} schema={{}} value={further} required={false} error={undefined} variables={context.variables} disabled={disabled} onChange={(rest) => onChange(replaced(rest))} />
        </div>
      )}
      {error && !isElsewhere && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert" mt={4}>
          {error}
        </Text>
      )}
    </fieldset>
  );
}

/** One field, by its kind: the one place that knows which input that is. */
export function SchemaField({ kind, context, path, ...field }: Props) {
  const { name, label, value, required, error, disabled, onChange } = field;
  const schema = flattened(field.schema);
  const described = { label, description: schema.description, error, withAsterisk: required, disabled, inputWrapperOrder: ["label" as const, "input" as const, "description" as const, "error" as const] };
  const suggestions = schema.format === undefined ? undefined : context.suggestions?.[schema.format];
  const choices: Variable[] = suggestions?.map((suggestion) => ({ path: suggestion.value, label: suggestion.label, type: "", group: suggestion.group, literal: true })) ?? [];
  const withVariables = { ...field, schema, variables: context.variables };

  switch (kind) {
    case "choice": {
      const options = (schema.enum ?? []).filter((option) => option !== null).map(String);
      const fallback = schema.default === undefined || schema.default === null ? undefined : String(schema.default);
      return <Select {...described} data={options.map((option) => ({ value: option, label: wordOf(option) }))} value={value === undefined || value === null ? null : textOf(value)} placeholder={fallback === undefined ? texts.choose : wordOf(fallback)} clearable={!required} clearButtonProps={{ "aria-label": texts.emptied(label) }} onChange={(option) => onChange(option === null ? undefined : typed(option, schema))} />;
    }
    case "suggestion":
      return <Autocomplete {...described} data={(schema.examples ?? []).map(String)} value={textOf(value)} placeholder={textOf(schema.default)} onChange={(text) => onChange(typed(text, schema))} />;
    case "switch":
      return <Switch label={label} description={schema.description} error={error} disabled={disabled} checked={(value ?? schema.default) === true} onChange={(event) => onChange(event.currentTarget.checked === (schema.default === true) ? undefined : event.currentTarget.checked)} />;
    case "number":
      return <NumberInput {...described} value={typeof value === "number" ? value : ""} placeholder={textOf(schema.default)} {...(schema.minimum === undefined ? {} : { min: schema.minimum })} {...(schema.maximum === undefined ? {} : { max: schema.maximum })} onChange={(number) => onChange(typeof number === "number" ? number : undefined)} />;
    case "secret":
      return <PasswordInput {...described} autoComplete="off" value={textOf(value)} onChange={(event) => onChange(event.currentTarget.value === "" ? undefined : event.currentTarget.value)} />;
    case "duration":
      return <DurationField {...withVariables} />;
    case "textList":
      return <TagsInput {...described} splitChars={[","]} placeholder={texts.listHint} value={Array.isArray(value) ? value.map(textOf) : textOf(value) === "" ? [] : textOf(value).split(",").map((item) => item.trim())} onChange={(items) => onChange(items.length === 0 ? undefined : items)} />;
    case "pairs":
      return <PairsField {...withVariables} {...(context.pairNames?.(name) ? { suggestions: context.pairNames(name) ?? [] } : {})} />;
    case "json":
      return <JsonField {...withVariables} />;
    case "rows":
      return <RowsField {...withVariables} context={context} path={path} />;
    case "group":
      return (
        <Group {...field} schema={schema} context={context} path={path} />
      );
    case "conditions":
      return context.conditions?.({ label, description: schema.description, path, value, disabled }) ?? null;
    case "steps":
      return null;
    case "multiline":
    case "text":
    case "any": {
      const known = suggestions?.find((suggestion) => suggestion.value === textOf(value));
      return (
        <TemplateInput
          label={label}
          name={label}
          description={known ? known.label : schema.description}
          error={error}
          required={required}
          multiline={kind === "multiline"}
          value={textOf(value)}
          variables={[...choices, ...context.variables]}
          disabled={disabled}
          onChange={(text) => onChange(typed(text, schema))}
        />
      );
    }
  }
}
