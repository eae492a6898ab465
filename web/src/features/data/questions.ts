import type { Schema } from "../../api/client";

export type Question = Schema<"Question">;

/** The list with its entry moved by one place; unchanged at the ends. */
export function moved<Item>(list: Item[], from: number, by: 1 | -1): Item[] {
  const to = from + by;
  const [here, there] = [list[from], list[to]];
  if (here === undefined || there === undefined) return list;
  return list.map((item, index) => (index === from ? there : index === to ? here : item));
}

/** A key that no question has yet. */
export function freshKey(questions: Question[]): string {
  const taken = new Set(questions.map((question) => question.key));
  let number = questions.length + 1;
  while (taken.has(`q_${number}`)) number += 1;
  return `q_${number}`;
}

/** Which further fields a type of question has. */
export const hasOptions = (type: Question["type"]): boolean => type === "single_choice" || type === "multiple_choice";
export const hasRange = (type: Question["type"]): boolean => type === "number" || type === "rating";

/** With only the fields that the type has, so that a change of type leaves nothing behind. */
export function tidied(question: Question): Question {
  const { options, min, max, ...rest } = question;
  return {
    ...rest,
    ...(hasOptions(question.type) && { options: options ?? [] }),
    ...(hasRange(question.type) && { min: min ?? null, max: max ?? null }),
  };
}
