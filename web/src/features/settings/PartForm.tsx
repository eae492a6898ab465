import { type ReactNode, useState } from "react";
import type { Schema } from "../../api/client";
import { type Field, RecordForm, type Values } from "../../ui/RecordForm";
import { useSaveSettings } from "./useSettings";

type Settings = Schema<"Settings">;

/** What every part gets. */
export type PartProps = { settings: Settings; isAdmin: boolean };

type Props = PartProps & {
  fields: Field[];
  initial: Values;
  /** What is sent, made of what was changed and of all that stands in the form. */
  bodyOf: (changed: Values, all: Values) => Settings;
  saved?: (all: Values) => void;
  below?: (values: Values, set: (changes: Values) => void) => ReactNode;
};

/** The form of one part. It begins anew when what is stored of this part is another, or was saved; what is typed in the other parts meanwhile stays. */
export function PartForm({ settings: { version }, isAdmin, fields, initial, bodyOf, saved, below }: Props) {
  const [saves, setSaves] = useState(0);
  const save = useSaveSettings();
  const submit = async (changed: Values) => {
    const all = { ...initial, ...changed };
    await save.mutateAsync({ ...bodyOf(changed, all), ...(version && { version }) });
    saved?.(all);
    setSaves((before) => before + 1);
  };
  return <RecordForm key={`${saves} ${JSON.stringify(initial)}`} fields={fields} initial={initial} isReadOnly={!isAdmin} save={submit} {...(below && { below })} />;
}

/** A value of a form as text; empty when there is none. */
export function textIn(values: Values, name: string): string {
  const value = values[name];
  return typeof value === "string" ? value.trim() : "";
}

/** Whether a value of this part was changed. */
export function touches(changed: Values, prefix: string): boolean {
  return Object.keys(changed).some((name) => name.startsWith(prefix));
}
