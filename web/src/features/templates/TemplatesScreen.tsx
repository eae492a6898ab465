import { Button, Center, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { OpenRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState, ErrorState, RowsLoading } from "../../ui/states";
import { texts as shared } from "../../ui/texts";
import { TemplatePreview } from "./TemplatePreview";
import classes from "./templates.module.css";
import { texts } from "./texts";

type Category = Schema<"CategoryName">;

export function TemplatesScreen() {
  const { filters: { q, category } } = useFilters();
  const record = useOpenRecord();
  const pages = usePages(["templates", q, category], (cursor) => take(api.GET("/api/workflow-templates", {
    params: { query: { ...(q && { q }), ...(category && { category: category as Category }), ...(cursor && { cursor }) } },
  })));
  const opened = useQuery({
    queryKey: ["templates", "one", record.id], enabled: record.id !== undefined,
    queryFn: () => takeData(api.GET("/api/workflow-templates/{id}", { params: { path: { id: record.id ?? 0 } } })),
  });
  return (
    <Page title={texts.title} hint={texts.hint}>
      <Group mb="md" gap="xs">
        <SearchBox label={texts.search} />
        <FilterSelect name="category" label={texts.category} choices={Object.entries(texts.categories).map(([value, label]) => ({ value, label }))} />
      </Group>
      {pages.error && !pages.rows && <ErrorState error={pages.error} again={pages.again} />}
      {!pages.error && !pages.rows && <RowsLoading height={96} />}
      {pages.rows?.length === 0 && <EmptyState {...texts.empty} />}
      <ul className={classes["gallery"]}>
        {pages.rows?.map((template) => (
          <li key={template.id}>
            <button type="button" className={`panel ${classes["card"] ?? ""}`} onClick={() => record.open(template.id)}>
              {template.category && <Text span size="xs" c="dimmed">{texts.categories[template.category]}</Text>}
              <Text span fw={600} size="sm">{template.name}</Text>
              <Text span size="sm" c="dimmed" lineClamp={3} style={{ flex: 1 }}>{template.use_case ?? template.description}</Text>
              {template.usage_count > 0 && <Text span size="xs" c="dimmed">{texts.used(template.usage_count)}</Text>}
            </button>
          </li>
        ))}
      </ul>
      {pages.hasMore && <Center mt="md"><Button variant="default" loading={pages.isLoadingMore} onClick={pages.more}>{shared.more}</Button></Center>}
      <OpenRecord title={opened.data?.name ?? texts.title} isOpen={record.id !== undefined} close={record.close} query={opened}>
        {(template) => <TemplatePreview key={template.id} template={template} />}
      </OpenRecord>
    </Page>
  );
}
