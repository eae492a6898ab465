import { useSyncExternalStore } from "react";
import { useTimeZone } from "../api/session";
import { texts } from "./texts";
import { ticker } from "./ticker";

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** To make a format takes longer than to use it a hundred times. */
const distance = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const exactly = byZone({ dateStyle: "medium", timeStyle: "medium" });
const byDay = byZone({ dateStyle: "medium" });
/** "4 Dec 2026, 09:00": a moment that somebody has set. */
export const dayAndTime = byZone({ dateStyle: "medium", timeStyle: "short" });

function byZone(style: Intl.DateTimeFormatOptions): (zone: string | undefined) => Intl.DateTimeFormat {
  const known = new Map<string | undefined, Intl.DateTimeFormat>();
  return (zone) => {
    const format = known.get(zone) ?? new Intl.DateTimeFormat(undefined, { ...style, ...(zone && { timeZone: zone }) });
    known.set(zone, format);
    return format;
  };
}

/** "3 minutes ago", "in 2 hours"; older than a week as a date. */
export function relative(at: Date, now: number, zone: string | undefined): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  if (Math.abs(seconds) > 7 * 86_400) return byDay(zone).format(at);
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return distance.format(Math.trunc(seconds / size), unit);
}

/** For what reads otherwise as time goes by. */
export const everyQuarterMinute = ticker(15_000);
const everySecond = ticker(1_000);

/** A moment in the person's zone: near ones as a distance, with the exact time on hover and for screen readers. Drawn anew only when it reads otherwise. */
export function Time({ at, exact = false }: { at: string | null | undefined; exact?: boolean }) {
  const zone = useTimeZone();
  const text = useSyncExternalStore(everyQuarterMinute, () => (at && !exact ? relative(new Date(at), Date.now(), zone) : texts.none));
  if (!at) return <span>{text}</span>;
  const full = exactly(zone).format(new Date(at));
  return <time dateTime={at} title={full} style={exact ? undefined : { whiteSpace: "nowrap" }}>{exact ? full : text}</time>;
}

/** Whether a moment is past; drawn anew when it comes to be. */
export function usePassed(at: string | null | undefined): boolean {
  return useSyncExternalStore(everyQuarterMinute, () => Boolean(at) && Date.parse(at ?? "") <= Date.now());
}

/** A time that comes nearer by the second. */
export function Countdown({ until, over }: { until: string; over: string }) {
  const text = useSyncExternalStore(everySecond, () => {
    const left = Math.ceil((new Date(until).getTime() - Date.now()) / 1000);
    return left > 0 ? duration(left * 1000) : over;
  });
  return <span className="numbers">{text}</span>;
}

/** Milliseconds as a person would say them. */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return texts.none;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
