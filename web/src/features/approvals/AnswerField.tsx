import { Checkbox, MultiSelect, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import type { Schema } from "../../api/client";

type Props = { question: Schema<"Question">; value: unknown; set: (value: unknown) => void; problem: string | undefined };

/** The input that a question asks for. */
export function AnswerField({ question, value, set, problem }: Props) {
  const shared = { label: question.label, required: question.required ?? false, error: problem };
  const text = typeof value === "string" ? value : "";
  const number = (min?: number | null, max?: number | null) => (
    <NumberInput {...shared} {...(typeof min === "number" && { min })} {...(typeof max === "number" && { max })} value={typeof value === "number" ? value : ""} onChange={(next) => set(typeof next === "number" ? next : undefined)} />
  );
  switch (question.type) {
    case "nps":
      return number(0, 10);
    case "csat":
      return number(1, 5);
    case "ces":
      return number(1, 7);
    case "rating":
    case "number":
      return number(question.min, question.max);
    case "long_text":
      return <Textarea {...shared} autosize minRows={3} value={text} onChange={(event) => set(event.currentTarget.value)} />;
    case "single_choice":
      return <Select {...shared} data={question.options ?? []} value={text || null} clearable={!shared.required} onChange={(next) => set(next ?? undefined)} />;
    case "multiple_choice":
      return <MultiSelect {...shared} data={question.options ?? []} value={Array.isArray(value) ? value.map(String) : []} onChange={set} />;
    case "consent":
      return <Checkbox label={question.label} error={problem} checked={value === true} onChange={(event) => set(event.currentTarget.checked)} />;
    case "date":
    case "email":
      return <TextInput {...shared} type={question.type} value={text} onChange={(event) => set(event.currentTarget.value)} />;
    case "text":
      return <TextInput {...shared} value={text} onChange={(event) => set(event.currentTarget.value)} />;
  }
}
