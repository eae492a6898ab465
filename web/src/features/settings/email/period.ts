/** Spans for which mails are counted, as the API writes them. */
const usual = ["1d", "2d", "3d", "1w", "2w", "30d", "90d"];

const units: Record<string, string> = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** "1w" is "1 week"; what is written otherwise stays as it is. */
export function spanText(period: string): string {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(period) ?? [];
  const name = unit && units[unit];
  return amount && name ? `${amount} ${name}${amount === "1" ? "" : "s"}` : period;
}

/** What can be chosen, with the present one among it, whatever a program has set. */
export function spanChoices(present: string): { value: string; label: string }[] {
  const all = usual.includes(present) ? usual : [...usual, present];
  return all.map((value) => ({ value, label: spanText(value) }));
}
