import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useFilters } from "./filters";

/** The filter `q`, sent when typing pauses. */
export function SearchBox({ label, name = "q" }: { label: string; name?: string }) {
  const { filters, set } = useFilters();
  const [text, setText] = useState(filters[name] ?? "");
  const send = useDebouncedCallback((value: string) => set({ [name]: value.trim() }), 300);
  const present = filters[name] ?? "";
  const [seen, setSeen] = useState(present);
  // Cleared or changed from elsewhere, by a link for instance.
  if (seen !== present) {
    setSeen(present);
    if (present !== text.trim()) setText(present);
  }
  return (
    <TextInput
      type="search" aria-label={label} placeholder={label} leftSection={<IconSearch size={16} aria-hidden />} value={text} size="sm" style={{ flex: "1 1 180px", maxWidth: 340 }}
      onChange={(event) => {
        setText(event.currentTarget.value);
        send(event.currentTarget.value);
      }}
    />
  );
}
