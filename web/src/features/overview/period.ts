/** The first day of a period of this many days that ends today, as the API takes it. */
export function startOf(days: number, now: Date): string {
  return new Date(now.getTime() - (days - 1) * 86_400_000).toISOString().slice(0, 10);
}

export type Day = { date: string; completed: number; failed: number; unmatched: number };
type Given = { date: string; total: number; completed: number; failed: number; unmatched: number };

/** Every day of the period, also those on which nothing ran; `completed` without those that only did not match. */
export function daysOf(trend: Given[], start: string, now: Date): Day[] {
  const known = new Map(trend.map((day) => [day.date, day]));
  const days: Day[] = [];
  for (let at = new Date(`${start}T00:00:00Z`); at <= now; at = new Date(at.getTime() + 86_400_000)) {
    const date = at.toISOString().slice(0, 10);
    const day = known.get(date);
    days.push({ date, completed: Math.max(0, (day?.completed ?? 0) - (day?.unmatched ?? 0)), failed: day?.failed ?? 0, unmatched: day?.unmatched ?? 0 });
  }
  return days;
}
