import { Select, Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { api, type Schema, take } from "../../api/client";
import { ErrorState, RowsLoading } from "../../ui/states";
import { texts } from "./texts";

const Decisions = lazy(() => import("../executions").then((executions) => ({ default: executions.Decisions })));

const words = texts.whyNot;

/** Why the workflow did not run for an answer; without one, what its rules of entry refused last. */
export function WhyNot({ workflow }: { workflow: Schema<"Workflow"> }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const formId: unknown = workflow.trigger_config["formId"];
  const ofForm = typeof formId === "number" ? { formId } : {};
  const answers = useQuery({
    queryKey: ["submissions", "for", workflow.id, formId],
    enabled: workflow.trigger_event === "submission_completed",
    queryFn: () => take(api.GET("/api/submissions", { params: { query: { ...ofForm, status: "completed", limit: 50 } } })),
  });
  const choices = answers.data?.data.map(({ id, data }) => ({ value: String(id), label: `#${id}  ${told(data)}` })) ?? [];
  return (
    <section aria-label={words.title}>
      <Title order={2} mt="lg" mb="xs">{words.title}</Title>
      <Stack gap="sm" className="panel" p="md">
        {answers.error && <ErrorState error={answers.error} again={() => void answers.refetch()} />}
        {answers.data && <Select label={words.answer} placeholder={words.choose} data={choices} value={chosen} onChange={setChosen} searchable clearable clearButtonProps={{ "aria-label": words.clear }} maw={520} {...(choices.length === 0 && { disabled: true, description: words.noAnswers })} {...(answers.data.pagination.total > choices.length && { description: words.newest(choices.length) })} />}
        <Suspense fallback={<RowsLoading rows={1} />}><Decisions key={chosen} workflowId={workflow.id} about={chosen === null ? {} : { submissionId: Number(chosen) }} /></Suspense>
      </Stack>
    </section>
  );
}

function told(data: Record<string, unknown>): string {
  const text = Object.values(data).filter((answer) => typeof answer === "string" || typeof answer === "number").join(" · ");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
