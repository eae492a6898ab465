import { Loader, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { reasonOf } from "../../api/failure";
import { texts } from "./texts";

type Contact = Schema<"Contact">;
type Choice = { value: string; label: string };

/** How long typing pauses before the server is asked, and how many it names. */
const PAUSE = 250;
const MOST = 20;

export function contactName({ name, email }: Pick<Contact, "name" | "email">): string {
  return name ?? email ?? texts.contacts.unnamed;
}

/** With the address, where there are two of the same name. */
function choiceOf(contact: Contact): Choice {
  return { value: String(contact.id), label: contact.name && contact.email ? `${contact.name} (${contact.email})` : contactName(contact) };
}

/** One contact, for as long as it is called by the same name most likely. */
export function useContact(id: number | null) {
  return useQuery({ queryKey: ["contacts", "one", id], enabled: id !== null, staleTime: 300_000, queryFn: () => takeData(api.GET("/api/contacts/{id}", { params: { path: { id: id ?? 0 } } })) });
}

type Props = { label: string; hint: string; value: number | null; error: string | undefined; onChange: (id: number | null) => void };

/** One of very many contacts: the server is asked for those that a word finds. */
export function ContactSelect({ label, hint, value, error, onChange }: Props) {
  const [typed, setTyped] = useState("");
  const [word] = useDebouncedValue(typed.trim(), PAUSE);
  const present = useContact(value);
  const chosen = present.data && choiceOf(present.data);
  const q = word === chosen?.label ? "" : word;
  const found = useQuery({ queryKey: ["contacts", "choices", q], placeholderData: (before) => before, queryFn: () => take(api.GET("/api/contacts", { params: { query: { limit: MOST, ...(q && { q }) } } })) });
  const choices = found.data?.data.map(choiceOf) ?? [];
  const failure = present.error ?? found.error;
  const isMissing = chosen && !choices.some((choice) => choice.value === chosen.value);
  return (
    <Select
      label={label} description={hint} error={error ?? (failure && reasonOf(failure))} required searchable clearable clearButtonProps={{ "aria-label": `${texts.clear}: ${label}` }}
      data={isMissing ? [chosen, ...choices] : choices} filter={({ options }) => options} value={value === null ? null : String(value)} searchValue={typed} onSearchChange={setTyped}
      {...(found.data && !found.isPlaceholderData && { nothingFoundMessage: texts.nothing.title })} {...(found.isFetching && { rightSection: <Loader size={14} /> })} onChange={(id) => onChange(id === null ? null : Number(id))}
    />
  );
}
