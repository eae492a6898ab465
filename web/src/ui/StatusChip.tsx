const tones = {
  good: "#2b8a4b",
  bad: "#d6453d",
  moving: "#2f7fd6",
  waiting: "#c58a12",
  quiet: "#8893a0",
};

export type Tone = keyof typeof tones;

/** A dot and a word: the colour is never the only sign. */
export function StatusChip({ tone, children, isMoving = false }: { tone: Tone; children: string; isMoving?: boolean }) {
  return <span className="chip" data-moving={isMoving || undefined} style={{ ["--chip" as string]: tones[tone] }}>{children}</span>;
}
