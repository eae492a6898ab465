// A moment as it stands on the clock of a zone, which is what people type and read.

const formats = new Map<string | undefined, Intl.DateTimeFormat>();

/** How far the clock of a zone (none: the browser's) is ahead of UTC at a moment, in milliseconds. */
function ahead(at: number, zone: string | undefined): number {
  const format = formats.get(zone) ?? new Intl.DateTimeFormat("en", { timeZoneName: "longOffset", ...(zone && { timeZone: zone }) });
  formats.set(zone, format);
  const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign, hours, minutes] = /GMT([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
}

/** "2026-12-01T09:00", as the field of a browser has it; empty when it is no moment. */
export function clockText(at: string, zone: string | undefined): string {
  const moment = Date.parse(at);
  return Number.isNaN(moment) ? "" : new Date(moment + ahead(moment, zone)).toISOString().slice(0, 16);
}

/** The other way; null when nothing, or half of a date, is typed. */
export function momentOf(clock: string, zone: string | undefined): string | null {
  const shown = Date.parse(`${clock}Z`);
  if (Number.isNaN(shown)) return null;
  // Looked at twice: the first look may be on the other side of a night in which the clocks are changed.
  const near = shown - ahead(shown, zone);
  return new Date(shown - ahead(near, zone)).toISOString();
}
