import { Alert, Button, Group, NumberInput, PasswordInput, Select, Switch, TagsInput, Textarea, TextInput, Title } from "@mantine/core";
import { type FormEvent, Fragment, type ReactNode, useState } from "react";
import { fieldProblems, reasonOf } from "../api/failure";
import { Duration, spanOf } from "./Duration";
import { Moment } from "./Moment";
import { texts } from "./texts";
import { useFailure } from "./useAction";

export type FieldValue = string | number | boolean | string[] | null;
export type Values = Record<string, FieldValue>;

export type Field = {
  name: string;
  label: string;
  kind?: "text" | "email" | "area" | "code" | "select" | "tags" | "switch" | "number" | "password" | "moment" | "duration";
  choices?: { value: string; label: string }[];
  hint?: string;
  placeholder?: string;
  isRequired?: boolean;
  /** Stands beside the next one where there is room. */
  isHalf?: boolean;
  /** The heading under which this field and those after it stand. */
  section?: string;
  /** Whether the field has a meaning beside these values. */
  isShown?: (values: Values) => boolean;
};

type Props = {
  fields: Field[];
  initial: Values;
  /** Gets what has changed only; for a new record everything that was filled in. */
  save: (changed: Values) => Promise<unknown>;
  action?: string;
  isReadOnly?: boolean;
  /** What stands below the fields and shows what they say. */
  below?: (values: Values, set: (changes: Values) => void) => ReactNode;
};

/** For an action by which a form saves: the form itself tells what was refused. */
export const toldByForm = (): void => undefined;

/** A record's fields. What the server refuses is shown at the field it names. */
export function RecordForm({ fields, initial, save, action = texts.save, isReadOnly = false, below }: Props) {
  const [values, setValues] = useState(initial);
  const [failure, tell] = useFailure();
  const [isBusy, setBusy] = useState(false);
  const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(initial[name])));
  const problems = fieldProblems(failure);
  const shown = fields.filter((field) => field.isShown?.(values) ?? true);
  const known = new Set(shown.map((field) => field.name));
  const strays = Object.entries(problems).filter(([path]) => !known.has(path));
  const hasPlace = Object.keys(problems).length > strays.length;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    tell(null);
    try {
      await save(changed);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <div className="record-form">
        {failure !== null && (!hasPlace || strays.length > 0) && <Alert className="whole" color="red" variant="outline" role="alert">{hasPlace ? strays.map(([path, message]) => `${path}: ${message}`).join("; ") : reasonOf(failure)}</Alert>}
        {shown.map((field) => (
          <Fragment key={field.name}>
            {field.section && <Title order={2} className="whole section">{field.section}</Title>}
            <div className={field.isHalf ? "half" : "whole"}><Input field={field} value={values[field.name] ?? null} problem={problems[field.name]} isReadOnly={isReadOnly} set={(value) => setValues({ ...values, [field.name]: value })} /></div>
          </Fragment>
        ))}
        {below && <div className="whole">{below(values, (changes) => setValues({ ...values, ...changes }))}</div>}
        {!isReadOnly && <Group justify="flex-end" className="whole"><Button type="submit" loading={isBusy} disabled={Object.keys(changed).length === 0}>{action}</Button></Group>}
      </div>
    </form>
  );
}

type InputProps = { field: Field; value: FieldValue; problem: string | undefined; isReadOnly: boolean; set: (value: FieldValue) => void };

function Input({ field, value, problem, isReadOnly, set }: InputProps) {
  const shared = { label: field.label, description: field.hint, error: problem, required: field.isRequired ?? false, ...(field.placeholder && { placeholder: field.placeholder }) };
  const text = typeof value === "string" ? value : "";
  switch (field.kind ?? "text") {
    case "switch":
      return <Switch label={field.label} description={field.hint} error={problem} checked={value === true} disabled={isReadOnly} onChange={(event) => set(event.currentTarget.checked)} />;
    case "number":
      return <NumberInput {...shared} readOnly={isReadOnly} value={typeof value === "number" ? value : ""} onChange={(next) => set(typeof next === "number" ? next : null)} />;
    case "moment":
      return <Moment label={field.label} hint={field.hint} error={problem} required={field.isRequired ?? false} isReadOnly={isReadOnly} value={text} onChange={set} />;
    case "duration": {
      const span = spanOf(text, "h");
      // What a program has set otherwise, such as 1.5h, stays text.
      if (!span) break;
      return <Duration name={field.name} label={field.label} hint={field.hint} span={span} required={field.isRequired ?? false} error={problem} disabled={isReadOnly} placeholder={field.placeholder} onChange={(next) => set(next ?? null)} />;
    }
    case "select":
      return <Select {...shared} readOnly={isReadOnly} data={field.choices ?? []} searchable={(field.choices?.length ?? 0) > 8} clearable={!field.isRequired} value={value === null ? null : String(value)} onChange={set} clearButtonProps={{ "aria-label": `${texts.clear}: ${field.label}` }} />;
    case "tags":
      return <TagsInput {...shared} readOnly={isReadOnly} value={Array.isArray(value) ? value : []} onChange={set} />;
    case "area":
      return <Textarea {...shared} readOnly={isReadOnly} autosize minRows={3} maxRows={12} value={text} onChange={(event) => set(event.currentTarget.value || null)} />;
    case "code":
      return <Textarea {...shared} readOnly={isReadOnly} autosize minRows={5} maxRows={16} spellCheck={false} autoComplete="off" value={text} onChange={(event) => set(event.currentTarget.value || null)} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} />;
    case "password":
      return <PasswordInput {...shared} autoComplete="new-password" value={text} onChange={(event) => set(event.currentTarget.value || null)} />;
  }
  return <TextInput {...shared} readOnly={isReadOnly} type={field.kind === "email" ? "email" : "text"} value={text} onChange={(event) => set(event.currentTarget.value || null)} />;
}

/** The named fields of a record, as the form takes them. */
export function valuesOf(record: object, fields: Field[]): Values {
  return Object.fromEntries(fields.map(({ name, kind }) => {
    const value: unknown = Reflect.get(record, name);
    if (value === undefined || value === null) return [name, null];
    if (kind === "select") return [name, String(value)];
    return [name, value as FieldValue];
  }));
}
