import { texts } from "./texts";

/** An answer as a line of text. */
export function answerText(value: unknown): string {
  if (value === null || value === undefined || value === "") return texts.none;
  if (Array.isArray(value)) return value.map(answerText).join(", ");
  if (typeof value === "boolean") return value ? texts.yes : texts.no;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
