import { Button, Group, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, take } from "../../api/client";
import { executionStatuses } from "../../ui/executionStatus";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { SearchBox } from "../../ui/SearchBox";
import { texts } from "./texts";

const words = texts.filters;

export function ExecutionFilters() {
  const { filters, set } = useFilters();
  const workflows = useQuery({ queryKey: ["workflows", "names"], queryFn: () => take(api.GET("/api/workflows", { params: { query: { limit: 200 } } })) });
  const names = workflows.data?.data.map(({ id, name }) => ({ value: String(id), label: name })) ?? [];
  const origins = Object.entries(texts.origins).filter(([name]) => filters[name]);
  return (
    <Group mb="sm" gap="xs">
      <SearchBox label={texts.search} />
      <FilterSelect name="workflowId" label={words.workflow} choices={names} searchable />
      <FilterSelect name="status" label={words.status} choices={Object.entries(executionStatuses).map(([value, { label }]) => ({ value, label }))} />
      <FilterSelect name="outcome" label={words.outcome} choices={[
        { value: "matched", label: words.matched }, { value: "unmatched", label: words.notMatched }, { value: "stopped", label: words.stopped },
      ]} />
      <FilterSelect name="hasFailures" label={words.failures} choices={[{ value: "true", label: words.withFailures }]} />
      {(["startDate", "endDate"] as const).map((name) => (
        <TextInput key={name} type="date" size="sm" w={136} aria-label={name === "startDate" ? words.from : words.to} value={filters[name]?.slice(0, 10) ?? ""} onChange={(event) => set({ [name]: event.currentTarget.value })} />
      ))}
      {origins.map(([name, what]) => (
        <Button key={name} size="sm" variant="light" onClick={() => set({ [name]: undefined })} aria-label={`${texts.by(what, filters[name] ?? "")}. ${texts.everything}`}>{texts.by(what, filters[name] ?? "")} ×</Button>
      ))}
    </Group>
  );
}
