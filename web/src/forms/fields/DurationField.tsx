import { Duration, spanOf } from "../../ui/Duration";
import { TemplateInput } from "../TemplateInput";
import type { FieldProps } from "./field";

/** `unit` is the one that is offered before anything is typed: what is usual here. */
export function DurationField({ name, label, schema, value, required, error, variables, disabled, onChange, unit = "h" }: FieldProps & { unit?: string }) {
  const span = spanOf(value, unit);
  if (span) return <Duration name={name} label={label} hint={schema.description} span={span} required={required} error={error} disabled={disabled} onChange={onChange} />;
  return (
    <TemplateInput label={label} name={label} description={schema.description} value={String(value)} required={required} error={error} variables={variables} disabled={disabled} onChange={(text) => onChange(text === "" ? undefined : text)} />
  );
}
