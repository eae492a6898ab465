import type { Schema } from "../../api/client";
import { useMay } from "../../api/session";
import { type Field, RecordForm, type Values } from "../../ui/RecordForm";
import { ErrorState, RowsLoading } from "../../ui/states";
import { hoursOf, hoursText } from "./hours";
import { texts } from "./texts";
import { useSaveSettings, useSettings } from "./useSettings";

type Settings = Schema<"Settings">;

const words = texts.company;
const hasServer = (values: Values) => values["useSmtp"] === true;
const fields: Field[] = [
  { name: "time_zone", label: words.time_zone, isRequired: true, isHalf: true },
  { name: "retention_days", label: words.retention_days, kind: "number", isRequired: true, isHalf: true },
  { name: "sender.name", section: words.mails, label: words.senderName, isHalf: true },
  { name: "sender.email", label: words.senderEmail, kind: "email", isHalf: true },
  { name: "useSmtp", label: words.useSmtp, kind: "switch" },
  { name: "smtp.host", label: words.host, isHalf: true, isShown: hasServer },
  { name: "smtp.port", label: words.port, kind: "number", isHalf: true, isShown: hasServer },
  { name: "smtp.username", label: words.username, isHalf: true, isShown: hasServer },
  { name: "smtp.password", label: words.password, kind: "password", hint: words.passwordSet, isHalf: true, isShown: hasServer },
  { name: "smtp.security", label: words.security, kind: "select", isHalf: true, choices: [{ value: "starttls", label: "STARTTLS" }, { value: "tls", label: "TLS" }, { value: "none", label: words.noSecurity }], isShown: hasServer },
  ...words.days.map((day, index): Field => ({ name: `day${index}`, label: day, placeholder: words.closed, isHalf: true, ...(index === 0 && { section: words.week }) })),
  { name: "holidays", label: words.holidays, kind: "tags", hint: words.holidaysHint },
  { name: "quiet.from", section: words.quiet, label: words.from, placeholder: "22:00", isHalf: true },
  { name: "quiet.to", label: words.to, placeholder: "07:00", isHalf: true },
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
      <RecordForm key={settings.data.version} fields={isAdmin ? fields : fields.filter(({ kind }) => kind !== "password")} initial={initial} isReadOnly={!isAdmin} save={async (changed) => save.mutateAsync(changesOf(changed, { ...initial, ...changed }, settings.data))} />
    </div>
  );
}

function valuesOf({ time_zone, retention_days, sender, smtp, calendar, quiet_hours, webhook_hosts }: Settings): Values {
  return {
    time_zone: time_zone ?? null, retention_days: retention_days ?? null,
    "sender.name": sender?.name ?? null, "sender.email": sender?.email ?? null,
    useSmtp: Boolean(smtp), "smtp.host": smtp?.host ?? null, "smtp.port": smtp?.port ?? 587, "smtp.security": smtp?.security ?? "starttls", "smtp.username": smtp?.username ?? null, "smtp.password": null,
    ...Object.fromEntries(words.days.map((_, index) => [`day${index}`, hoursText(calendar?.week?.[index]) || null])),
    holidays: calendar?.holidays ?? [], "quiet.from": quiet_hours?.from ?? null, "quiet.to": quiet_hours?.to ?? null, webhook_hosts: webhook_hosts ?? [],
  };
}

const text = (values: Values, name: string): string | null => (typeof values[name] === "string" && values[name] !== "" ? values[name] : null);

/** Only the parts that were touched are sent, each of them whole. */
function changesOf(changed: Values, all: Values, { version }: Settings): Settings {
  const touches = (prefix: string) => Object.keys(changed).some((name) => name.startsWith(prefix));
  const body: Settings = { ...(version && { version }) };
  if ("time_zone" in changed) body.time_zone = text(all, "time_zone");
  if (typeof changed["retention_days"] === "number") body.retention_days = changed["retention_days"];
  if (touches("sender.")) body.sender = { name: text(all, "sender.name"), email: text(all, "sender.email") };
  if (touches("smtp.") || "useSmtp" in changed) body.smtp = all["useSmtp"] === true ? smtpOf(all) : null;
  if (touches("day") || "holidays" in changed) body.calendar = { week: weekOf(all), holidays: all["holidays"] as string[] };
  const [from, to] = [text(all, "quiet.from"), text(all, "quiet.to")];
  if (touches("quiet.")) body.quiet_hours = from || to ? { from: from ?? "", to: to ?? "" } : null;
  if ("webhook_hosts" in changed) body.webhook_hosts = all["webhook_hosts"] as string[];
  return body;
}

function smtpOf(all: Values): Schema<"Smtp"> {
  const password = text(all, "smtp.password");
  return { host: text(all, "smtp.host") ?? "", port: Number(all["smtp.port"] ?? 587), security: text(all, "smtp.security"), username: text(all, "smtp.username"), ...(password && { password }) };
}

function weekOf(all: Values): string[][][] {
  return words.days.map((day, index) => {
    const hours = hoursOf(text(all, `day${index}`) ?? "");
    if (!hours) throw new Error(words.badHours(day));
    return hours;
  });
}
