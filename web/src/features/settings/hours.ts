/** "09:00-12:00, 13:00-17:00" as pairs; undefined when it is not written so. */
export function hoursOf(text: string): string[][] | undefined {
  if (text.trim() === "") return [];
  const spans = text.split(",").map((span) => /^\s*(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})\s*$/.exec(span));
  if (spans.some((span) => span === null)) return undefined;
  return spans.map((span) => [span?.[1] ?? "", span?.[2] ?? ""].map((time) => time.padStart(5, "0")));
}

/** The other way. */
export function hoursText(spans: string[][] | undefined): string {
  return (spans ?? []).map((span) => span.join("-")).join(", ");
}
