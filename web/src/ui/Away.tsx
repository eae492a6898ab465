import { useSyncExternalStore } from "react";
import { absenceAt, type Away, type Person } from "../api/people";
import { useTimeZone } from "../api/session";
import { StatusChip } from "./StatusChip";
import { texts } from "./texts";
import { dayAndTime, everyQuarterMinute } from "./Time";

const words = texts.away;

/** Says that somebody is away, or will be. Nothing, when they are there and have said nothing else. */
export function AwayChip({ away }: { away: Away | null | undefined }) {
  const zone = useTimeZone();
  const absence = useSyncExternalStore(everyQuarterMinute, () => absenceAt(away, Date.now()));
  if (absence === "none" || !away?.from) return null;
  if (absence === "coming") return <StatusChip tone="quiet">{words.from(dayAndTime(zone).format(new Date(away.from)))}</StatusChip>;
  return <StatusChip tone="waiting">{away.until ? words.until(dayAndTime(zone).format(new Date(away.until))) : words.now}</StatusChip>;
}

/** Says of each person whether they are away; drawn anew when one of them goes or comes back. */
export function useIsAway(people: Person[]): (id: number) => boolean {
  const ids = useSyncExternalStore(everyQuarterMinute, () => people.filter(({ away }) => absenceAt(away, Date.now()) === "away").map(({ id }) => id).join());
  return (id) => ids.split(",").includes(String(id));
}
