import { TextInput } from "@mantine/core";
import { useTimeZone } from "../api/session";
import { clockText, momentOf } from "./clock";

type Props = { label: string; value: string; hint?: string | undefined; error?: string | undefined; required?: boolean; disabled?: boolean; isReadOnly?: boolean; onChange: (value: string | null) => void };

/** More digits than these no year has that anybody means. */
const LAST = "9999-12-31T23:59";

/** An instant, typed by the clock of the zone in which the person sees all times. */
export function Moment({ label, value, hint, error, required = false, disabled = false, isReadOnly = false, onChange }: Props) {
  const zone = useTimeZone();
  return <TextInput type="datetime-local" max={LAST} label={label} description={hint} error={error} required={required} disabled={disabled} readOnly={isReadOnly} value={clockText(value, zone)} onChange={(event) => onChange(momentOf(event.currentTarget.value, zone))} />;
}
