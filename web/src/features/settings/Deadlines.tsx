import { Link } from "@tanstack/react-router";
import type { Schema } from "../../api/client";
import { useMay } from "../../api/session";
import type { Field, Values } from "../../ui/RecordForm";
import { ErrorState, RowsLoading } from "../../ui/states";
import { PartForm, textIn } from "./PartForm";
import { Section } from "./Section";
import { texts } from "./texts";
import { useSettings } from "./useSettings";

const words = texts.deadlines;
const WARN = "sla.warn_percent";
/** What holds without a word. */
const USUAL_WARNING = 75;
const priorities = ["urgent", "high", "normal", "low"] as const;
const nameOf = (priority: string) => `sla.due_in.${priority}`;
const fields: Field[] = [
  ...priorities.map((priority, index): Field => ({ name: nameOf(priority), label: words.priorities[priority], kind: "duration", placeholder: words.never, isHalf: true, ...(index === 0 && { section: words.dueIn }) })),
  { name: WARN, label: words.warn_percent, kind: "number", hint: words.warnHint, section: words.warning },
];

/** How soon tickets are to be answered. */
export function Deadlines() {
  const isAdmin = useMay("admin");
  const settings = useSettings();
  if (!settings.data) return settings.error ? <ErrorState error={settings.error} again={() => void settings.refetch()} /> : <RowsLoading />;
  const { sla } = settings.data;
  const initial: Values = { ...Object.fromEntries(priorities.map((priority) => [nameOf(priority), sla?.due_in?.[priority] ?? null])), [WARN]: sla?.warn_percent ?? USUAL_WARNING };
  return (
    <Section title={words.title} hint={<>{words.hint} <Link to="/templates">{words.templates}</Link></>}>
      <PartForm settings={settings.data} isAdmin={isAdmin} fields={fields} initial={initial} bodyOf={bodyOf} />
    </Section>
  );
}

/** Settings are merged: a priority without a time is taken out by null, and so the usual warning comes back. */
function bodyOf(changed: Values): Schema<"Settings"> {
  const times = Object.fromEntries(priorities.filter((priority) => nameOf(priority) in changed).map((priority) => [priority, textIn(changed, nameOf(priority)) || null]));
  const warning = changed[WARN];
  return { sla: { due_in: times as Record<string, string>, ...(warning !== undefined && { warn_percent: typeof warning === "number" ? warning : null }) } };
}
