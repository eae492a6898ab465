import type { Schema } from "../../api/client";
import type { Tone } from "../../ui/StatusChip";
import { texts } from "./texts";

export type Suppression = Schema<"Suppression">;

const words = texts.suppressions;

export const reasonTones: Record<Suppression["reason"], Tone> = { bounced: "bad", manual: "bad", complained: "waiting", unsubscribed: "waiting" };

/** Where it was learnt, as a person would say it. */
export function sourceText(source: string): string {
  return words.sources[source] ?? source;
}

/** The entry of this address among those that a search has found: a search finds every address that contains it. */
export function entryOf(address: string, found: readonly Suppression[]): Suppression | undefined {
  const sought = address.trim().toLowerCase();
  return found.find((entry) => entry.address === sought);
}
