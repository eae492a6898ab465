import { useMay } from "../../api/session";
import { type Field, RecordForm, valuesOf } from "../../ui/RecordForm";
import { ErrorState, RowsLoading } from "../../ui/states";
import { texts } from "./texts";
import { useSaveSettings, useSettings } from "./useSettings";

const words = texts.alerts;
const fields: Field[] = [
  { name: "enabled", label: words.enabled, kind: "switch" },
  { name: "failure_rate_percent", label: words.failure_rate_percent, kind: "number" },
  { name: "average_duration_seconds", label: words.average_duration_seconds, kind: "number" },
  { name: "running_minutes", label: words.running_minutes, kind: "number" },
  { name: "retries_exhausted", label: words.retries_exhausted, kind: "switch" },
  { name: "email", label: words.email, kind: "email" },
  { name: "webhook", label: words.webhook },
];

export function AlertSettings() {
  const isAdmin = useMay("admin");
  const settings = useSettings();
  const save = useSaveSettings();
  if (!settings.data) return settings.error ? <ErrorState error={settings.error} again={() => void settings.refetch()} /> : <RowsLoading />;
  const { alerts, version } = settings.data;
  return (
    <div className="panel" style={{ padding: 20, maxWidth: 560 }}>
      <RecordForm
        key={version} fields={fields} initial={valuesOf(alerts ?? {}, fields)} isReadOnly={!isAdmin}
        save={(changed) => save.mutateAsync({ alerts: { ...alerts, ...changed }, ...(version && { version }) })}
      />
    </div>
  );
}
