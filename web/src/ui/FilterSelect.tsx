import { Select } from "@mantine/core";
import { useFilters } from "./filters";

type Choice = { value: string; label: string };

/** One filter with a few choices; empty means all. */
export function FilterSelect({ name, label, choices, searchable = false }: { name: string; label: string; choices: Choice[]; searchable?: boolean }) {
  const { filters, set } = useFilters();
  return (
    <Select
      aria-label={label} placeholder={label} data={choices} value={filters[name] ?? null} clearable searchable={searchable} size="sm" w={152} clearButtonProps={{ "aria-label": `${label}: all` }}
      onChange={(value) => set({ [name]: value ?? undefined })}
    />
  );
}
