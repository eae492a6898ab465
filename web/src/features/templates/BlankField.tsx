import { NumberInput, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, take } from "../../api/client";
import type { Blank } from "./blanks";

type Props = { blank: Blank; value: unknown; set: (value: unknown) => void; problem: string | undefined; formId: number | undefined };

const all = { params: { query: { limit: 200 } } };

/** One blank: a record is chosen from those that are there, everything else is typed. */
export function BlankField({ blank, value, set, problem, formId }: Props) {
  const shared = { label: blank.label, required: blank.required, error: problem };
  const forms = useQuery({ queryKey: ["forms", "names"], enabled: blank.type === "form" || blank.type === "question", queryFn: () => take(api.GET("/api/forms", all)) });
  const people = useQuery({ queryKey: ["users", "names"], enabled: blank.type === "user", queryFn: () => take(api.GET("/api/users", all)) });
  const connections = useQuery({ queryKey: ["integrations", "names"], enabled: blank.type === "integration", queryFn: () => take(api.GET("/api/integrations", all)) });
  const text = value === null || value === undefined ? "" : String(value);

  const choose = (data: { value: string; label: string }[], isNumber: boolean) => (
    <Select {...shared} data={data} value={text || null} searchable={data.length > 8} onChange={(chosen) => set(chosen === null ? null : isNumber ? Number(chosen) : chosen)} />
  );
  switch (blank.type) {
    case "form":
      return choose(forms.data?.data.map(({ id, name }) => ({ value: String(id), label: name })) ?? [], true);
    case "user":
      return choose(people.data?.data.map(({ id, name, email }) => ({ value: String(id), label: name ?? email })) ?? [], true);
    case "integration":
      return choose(connections.data?.data.map(({ name }) => ({ value: name, label: name })) ?? [], false);
    case "question": {
      const questions = forms.data?.data.find((form) => form.id === formId)?.questions;
      if (questions) return choose(questions.map(({ key, label }) => ({ value: key, label })), false);
      return <TextInput {...shared} value={text} onChange={(event) => set(event.currentTarget.value)} />;
    }
    case "number":
      return <NumberInput {...shared} value={typeof value === "number" ? value : ""} onChange={(next) => set(typeof next === "number" ? next : null)} />;
    default:
      return <TextInput {...shared} type={blank.type === "email" || blank.type === "url" ? blank.type : "text"} value={text} onChange={(event) => set(event.currentTarget.value)} />;
  }
}
