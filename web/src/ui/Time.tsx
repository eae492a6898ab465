import { useEffect, useState } from "react";
import { useTimeZone } from "../api/session";
import { texts } from "./texts";

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** "3 minutes ago", "in 2 hours"; older than a week as a date. */
export function relative(at: Date, now: number, zone: string | undefined): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  if (Math.abs(seconds) > 7 * 86_400) return at.toLocaleDateString(undefined, { dateStyle: "medium", timeZone: zone });
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** A moment in the person's zone: near ones as a distance, with the exact time on hover and for screen readers. */
export function Time({ at, exact = false }: { at: string | null | undefined; exact?: boolean }) {
  const zone = useTimeZone();
  const now = useNow(15_000);
  if (!at) return <span>{texts.none}</span>;
  const date = new Date(at);
  const full = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
  return <time dateTime={at} title={full} style={exact ? undefined : { whiteSpace: "nowrap" }}>{exact ? full : relative(date, now, zone)}</time>;
}

/** The present, refreshed at this pace. */
export function useNow(pace: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), pace);
    return () => window.clearInterval(timer);
  }, [pace]);
  return now;
}

/** A time that comes nearer by the second. */
export function Countdown({ until, over }: { until: string; over: string }) {
  const left = Math.ceil((new Date(until).getTime() - useNow(1000)) / 1000);
  return <span className="numbers">{left > 0 ? duration(left * 1000) : over}</span>;
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
