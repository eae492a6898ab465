import type { Schema } from "../api/client";
import { useTimeZone } from "../api/session";
import { StatusChip } from "./StatusChip";
import { texts } from "./texts";
import { dayAndTime, usePassed } from "./Time";

const words = texts.away;

/** Says that somebody is away, or will be. Nothing, when they are there and have said nothing else. */
export function AwayChip({ away }: { away: Schema<"Away"> | null | undefined }) {
  const zone = useTimeZone();
  const hasBegun = usePassed(away?.from);
  const isOver = usePassed(away?.until);
  if (!away?.from || isOver) return null;
  if (!hasBegun) return <StatusChip tone="quiet">{words.from(dayAndTime(zone).format(new Date(away.from)))}</StatusChip>;
  return <StatusChip tone="waiting">{away.until ? words.until(dayAndTime(zone).format(new Date(away.until))) : words.now}</StatusChip>;
}
