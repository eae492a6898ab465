// What a template or a condition can speak of: a path, a name for people, a type, and a sample.

export type Variable = {
  path: string;
  label: string;
  /** A question's type (`nps`, `text` …) or `number`, `text`, `list`, `object`, `boolean`, `date`. */
  type: string;
  /** Where it comes from: the heading in the picker. */
  group: string;
  sample?: unknown;
  /** Answers to choose from. */
  options?: readonly string[];
  /** The path is itself the value (a user's id): it is inserted without braces. */
  literal?: boolean;
};

export function matching(variables: readonly Variable[], text: string): Variable[] {
  const words = text.toLowerCase().split(/[\s.]+/).filter(Boolean);
  return variables.filter(({ path, label }) => words.every((word) => path.toLowerCase().includes(word) || label.toLowerCase().includes(word)));
}

/** The unfinished `{{…` before the cursor: where it begins, and what was typed of it. */
export function openTemplate(text: string, cursor: number): { from: number; query: string } | undefined {
  const before = text.slice(0, cursor);
  const from = before.lastIndexOf("{{");
  if (from < 0) return undefined;
  const query = before.slice(from + 2);
  return query.includes("}}") || query.includes("\n") || query.includes("|") ? undefined : { from, query: query.trim() };
}

/** The text with `{{path}}` in place of what was selected or begun, and where the cursor goes. */
export function withVariable(text: string, selection: { start: number; end: number }, path: string): { text: string; cursor: number } {
  const open = openTemplate(text, selection.start);
  const from = open?.from ?? selection.start;
  const closing = /^\s*}}/.exec(text.slice(selection.end));
  const end = open && closing ? selection.end + closing[0].length : selection.end;
  const inserted = `{{${path}}}`;
  return { text: text.slice(0, from) + inserted + text.slice(end), cursor: from + inserted.length };
}

export function sampleText(sample: unknown): string {
  if (sample === undefined || sample === null || sample === "") return "";
  const text = typeof sample === "string" ? sample : JSON.stringify(sample);
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}
