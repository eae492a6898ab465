import type { Schema } from "../../api/client";
import { useMay } from "../../api/session";
import { type Field, RecordForm, type Values } from "../../ui/RecordForm";
import { ErrorState, RowsLoading } from "../../ui/states";
import { hoursOf, hoursText } from "./hours";
import { texts } from "./texts";
import { useSaveSettings, useSettings } from "./useSettings";

type Settings = Schema<"Settings">;

const words = texts.company;
const fields: Field[] = [
  { name: "time_zone", label: words.time_zone, isRequired: true, isHalf: true },
  { name: "retention_days", label: words.retention_days, kind: "number", isRequired: true, isHalf: true },
  ...words.days.map((day, index): Field => ({ name: `day${index}`, label: day, placeholder: words.closed, isHalf: true, ...(index === 0 && { section: words.week }) })),
  { name: "holidays", label: words.holidays, kind: "tags", hint: words.holidaysHint },
  { name: "quiet_hours.from", section: words.quiet, label: words.from, placeholder: "22:00", isHalf: true },
  { name: "quiet_hours.to", label: words.to, placeholder: "07:00", isHalf: true },
  { name: "webhook_hosts", section: words.webhooks, label: words.webhook_hosts, kind: "tags", hint: words.webhookHint },
];

export function Company() {
  const isAdmin = useMay("admin");
  const settings = useSettings();
  const save = useSaveSettings();
  if (!settings.data) return settings.error ? <ErrorState error={settings.error} again={() => void settings.refetch()} /> : <RowsLoading />;
  const initial = valuesOf(settings.data);
  return (
    <div className="panel" style={{ padding: 20, maxWidth: 640 }}>
      <RecordForm key={settings.data.version} fields={fields} initial={initial} isReadOnly={!isAdmin} save={async (changed) => save.mutateAsync(changesOf(changed, { ...initial, ...changed }, settings.data))} />
    </div>
  );
}

function valuesOf({ time_zone, retention_days, calendar, quiet_hours, webhook_hosts }: Settings): Values {
  return {
    time_zone: time_zone ?? null, retention_days: retention_days ?? null,
    ...Object.fromEntries(words.days.map((_, index) => [`day${index}`, hoursText(calendar?.week?.[index]) || null])),
    holidays: calendar?.holidays ?? [], "quiet_hours.from": quiet_hours?.from ?? null, "quiet_hours.to": quiet_hours?.to ?? null, webhook_hosts: webhook_hosts ?? [],
  };
}

const text = (values: Values, name: string): string | null => (typeof values[name] === "string" && values[name] !== "" ? values[name] : null);

/** Only the parts that were touched are sent, each of them whole. */
function changesOf(changed: Values, all: Values, { version }: Settings): Settings {
  const touches = (prefix: string) => Object.keys(changed).some((name) => name.startsWith(prefix));
  const body: Settings = { ...(version && { version }) };
  if ("time_zone" in changed) body.time_zone = text(all, "time_zone");
  if (typeof changed["retention_days"] === "number") body.retention_days = changed["retention_days"];
  if (touches("day") || "holidays" in changed) body.calendar = { week: weekOf(all), holidays: all["holidays"] as string[] };
  const [from, to] = [text(all, "quiet_hours.from"), text(all, "quiet_hours.to")];
  if (touches("quiet_hours.")) body.quiet_hours = from || to ? { from: from ?? "", to: to ?? "" } : null;
  if ("webhook_hosts" in changed) body.webhook_hosts = all["webhook_hosts"] as string[];
  return body;
}

function weekOf(all: Values): string[][][] {
  return words.days.map((day, index) => {
    const hours = hoursOf(text(all, `day${index}`) ?? "");
    if (!hours) throw new Error(words.badHours(day));
    return hours;
  });
}
