import { Button, Group, SimpleGrid, Skeleton, Text, Title } from "@mantine/core";
import { IconChevronLeft, IconPencil, IconPlayerPlay } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ComponentProps, lazy, Suspense, useState } from "react";
import { api, type Schema, takeData } from "../../api/client";
import { definitionOf } from "../../api/definition";
import { useMay } from "../../api/session";
import { JsonBlock } from "../../ui/JsonBlock";
import { Page } from "../../ui/Page";
import { ErrorState, RowsLoading } from "../../ui/states";
import { AnchorLink, ButtonLink } from "../../ui/links";
import { RunDialog } from "./RunDialog";
import { texts } from "./texts";
import { WhyNot } from "./WhyNot";
import { WorkflowMenu } from "./WorkflowMenu";
import { WorkflowState } from "./WorkflowState";
import classes from "./workflows.module.css";

const PreviewCanvas = lazy(() => import("../builder").then((builder) => ({ default: builder.PreviewCanvas })));
type PreviewProps = ComponentProps<typeof PreviewCanvas>;

/** A workflow to read: its numbers, its steps, and why it did not run. */
export function WorkflowScreen() {
  const { workflowId } = useParams({ strict: false });
  const id = Number(workflowId);
  const query = useQuery({ queryKey: ["workflows", "one", id], queryFn: () => takeData(api.GET("/api/workflows/{id}", { params: { path: { id }, query: { archived: true } } })) });
  const back = (
    <AnchorLink to="/workflows" size="sm" c="dimmed" style={{ display: "inline-flex", alignItems: "center", gap: 2, marginBottom: 8 }}>
      <IconChevronLeft size={15} aria-hidden />{texts.title}
    </AnchorLink>
  );
  if (!query.data) return <Page title={texts.title} above={back}><div className="panel">{query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading />}</div></Page>;
  const workflow = query.data;
  const numbers: [string, number, Record<string, string>][] = [
    [texts.columns.runs, workflow.execution_count, {}],
    [texts.one.succeeded, workflow.success_count, { status: "completed", outcome: "matched" }],
    [texts.one.unmatched, workflow.unmatched_count, { outcome: "unmatched" }],
    [texts.one.failed, workflow.failure_count, { status: "failed" }],
  ];
  const definition = definitionOf(workflow);
  return (
    <Page title={workflow.name} above={back} hint={<Hint workflow={workflow} />} actions={<Actions workflow={workflow} />}>
      <SimpleGrid cols={{ base: 2, sm: 4 }} className="panel" p="md">
        {numbers.map(([label, count, search]) => (
          <div key={label}>
            <Text size="xs" c="dimmed">{label}</Text>
            <Link to="/executions" search={{ workflowId: String(id), ...search }} className="plain"><Text span size="lg" fw={600} className="numbers">{count.toLocaleString()}</Text></Link>
          </div>
        ))}
      </SimpleGrid>
      <Title order={2} mt="lg" mb="xs">{workflow.draft ? texts.one.draft : texts.one.definition}</Title>
      <div className={`panel ${classes["canvas"] ?? ""}`}>
        <Suspense fallback={<Skeleton height="100%" />}><PreviewCanvas key={workflow.version} definition={definition as PreviewProps["definition"]} /></Suspense>
      </div>
      <WhyNot workflow={workflow} />
      <details className={classes["json"]}>
        <summary>{texts.asJson}</summary>
        <JsonBlock label={texts.one.definition} value={definition} />
      </details>
    </Page>
  );
}

/** What it is for, whether it is on, and which version runs. */
function Hint({ workflow }: { workflow: Schema<"Workflow"> }) {
  const version = texts.versions.current(workflow.published_version);
  return (
    <>
      {workflow.description && <Text size="sm" mb={4} style={{ overflowWrap: "anywhere" }}>{workflow.description}</Text>}
      <Group gap="md">
        <WorkflowState workflow={workflow} />
        {workflow.published_version > 0 ? <AnchorLink to="/workflows/$workflowId/versions" params={{ workflowId: String(workflow.id) }} size="sm">{version}</AnchorLink> : <span>{version}</span>}
      </Group>
    </>
  );
}

function Actions({ workflow }: { workflow: Schema<"Workflow"> }) {
  const mayEdit = useMay("editor");
  const [isRunOpen, setRunOpen] = useState(false);
  return (
    <>
      {mayEdit && !workflow.archived_at && workflow.published_version > 0 && (
        <>
          <Button variant="default" leftSection={<IconPlayerPlay size={16} />} onClick={() => setRunOpen(true)}>{texts.runNow}</Button>
          <RunDialog workflow={workflow} isOpen={isRunOpen} close={() => setRunOpen(false)} />
        </>
      )}
      {mayEdit && !workflow.archived_at && (
        <ButtonLink to="/workflows/$workflowId/edit" params={{ workflowId: String(workflow.id) }} leftSection={<IconPencil size={16} />}>{texts.one.edit}</ButtonLink>
      )}
      <WorkflowMenu workflow={workflow} />
    </>
  );
}
