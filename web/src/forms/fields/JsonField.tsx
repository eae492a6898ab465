import { useState } from "react";
import { TemplateInput } from "../TemplateInput";
import { texts } from "../texts";
import type { FieldProps } from "./field";

function textOf(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function parse(text: string): { value: unknown } | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return { value: undefined };
  try {
    return { value: JSON.parse(trimmed) as unknown };
  } catch {
    // What does not begin like JSON is text.
    return /^[[{]/.test(trimmed) && !trimmed.startsWith("{{") ? undefined : { value: text };
  }
}

/** Any value as JSON, or plain text. While it is unfinished it stays here and is not stored. */
export function JsonField({ label, schema, value, required, error, variables, disabled, onChange }: FieldProps) {
  const [text, setText] = useState(() => textOf(value));
  const stored = JSON.stringify(value);
  const [seen, setSeen] = useState(stored);
  if (stored !== seen) {
    setSeen(stored);
    const shown = parse(text);
    if (!shown || JSON.stringify(shown.value) !== stored) setText(textOf(value));
  }
  return (
    <TemplateInput
      label={label}
      name={label}
      description={schema.description}
      required={required}
      error={parse(text) ? error : texts.noJson}
      multiline
      monospace
      value={text}
      variables={variables}
      disabled={disabled}
      onChange={(next) => {
        setText(next);
        const parsed = parse(next);
        if (parsed) onChange(parsed.value);
      }}
    />
  );
}
