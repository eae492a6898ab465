import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { answerText } from "../../ui/answer";
import { Page } from "../../ui/Page";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/Time";
import { Back } from "./FormScreen";
import { texts } from "./texts";
import { AnchorLink } from "../../ui/links";

type Submission = Schema<"Submission">;

const words = texts.submissions;

/** All answers to one form, a column for each of its first questions. */
export function AnswersScreen() {
  const { formId } = useParams({ strict: false });
  const id = Number(formId);
  const { filters: { q, status } } = useFilters();
  const form = useQuery({ queryKey: ["forms", "one", id], queryFn: () => takeData(api.GET("/api/forms/{id}", { params: { path: { id } } })) });
  const pages = usePages(["submissions", id, q, status], (cursor) => take(api.GET("/api/forms/{id}/submissions", {
    params: { path: { id }, query: { ...(q && { q }), ...(status && { status: status as Submission["status"] }), ...(cursor && { cursor }) } },
  })));
  const questions = form.data?.questions;
  const columns = useMemo((): Column<Submission>[] => [
    { title: words.columns.at, width: 150, cell: (row) => <AnchorLink to="/submissions/$submissionId" params={{ submissionId: String(row.id) }} size="sm" c="inherit" fw={500}><Time at={row.submitted_at ?? row.created_at} /></AnchorLink> },
    ...(questions?.slice(0, 4).map((question, index): Column<Submission> => ({
      title: question.label, ...(index > 0 && { from: index > 2 ? "lg" as const : "sm" as const }),
      cell: (row) => <Text size="sm" lineClamp={2}>{answerText(row.data[question.key])}</Text>,
    })) ?? []),
    { title: words.columns.contact, from: "md", width: 110, cell: (row) => (row.contact_id ? <Link to="/contacts" search={{ open: String(row.contact_id) }} className="plain">#{row.contact_id}</Link> : <Text size="sm" c="dimmed">{words.unnamed}</Text>) },
  ], [questions]);
  return (
    <Page title={form.data ? words.of(form.data.name) : words.title} above={<Back />}>
      <Group mb="sm" gap="xs">
        <SearchBox label={words.search} />
        <FilterSelect name="status" label={words.columns.status} choices={[{ value: "completed", label: words.statuses.completed }, { value: "partial", label: words.statuses.partial }]} />
      </Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(q || status ? texts.nothing : words.empty)} />} />
    </Page>
  );
}
