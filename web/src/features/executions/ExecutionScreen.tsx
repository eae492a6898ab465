import { Button, Group, Menu, SimpleGrid, Skeleton, Text, Title } from "@mantine/core";
import { IconChevronDown, IconChevronLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { useMay } from "../../api/session";
import { useConfirm } from "../../ui/confirm";
import { ExecutionStatusChip } from "../../ui/executionStatus";
import { JsonBlock } from "../../ui/JsonBlock";
import { Page } from "../../ui/Page";
import { ErrorState, RowsLoading } from "../../ui/states";
import { Countdown, duration, Time } from "../../ui/Time";
import { useAction } from "../../ui/useAction";
import { AnchorLink } from "../../ui/links";
import { stoppedIn } from "../../ui/stopped";
import { Called } from "./Called";
import classes from "./executions.module.css";
import { awaitedAt, type Made as MadeRecord, madeBy } from "./journal";
import { type Asked, Steps } from "./Steps";
import { texts } from "./texts";
import { useJournal } from "./useJournal";

/** With the canvas' library, which only this part of the screen needs. */
const RunCanvas = lazy(() => import("../builder").then((builder) => ({ default: builder.RunCanvas })));

type Execution = Schema<"ExecutionDetail">;

const words = texts.detail;
const ended = new Set<Execution["status"]>(["completed", "failed", "cancelled"]);

export function ExecutionScreen() {
  const { executionId } = useParams({ strict: false });
  const id = Number(executionId);
  const query = useQuery({
    queryKey: ["executions", "one", id],
    queryFn: () => takeData(api.GET("/api/workflow-executions/{id}", { params: { path: { id } } })),
  });
  const title = words.title(String(executionId));
  if (!query.data) {
    return <Page title={title} above={<Back />}><div className="panel">{query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading />}</div></Page>;
  }
  const execution = query.data;
  return (
    <Page
      title={execution.workflow_name} above={<Back />} actions={<Actions execution={execution} />}
      hint={<Group gap="sm"><ExecutionStatusChip {...execution} /><span className="numbers">#{execution.id}</span><span>{words.version(execution.workflow_version)}</span></Group>}
    >
      <Waiting execution={execution} />
      {execution.error && execution.status !== "completed" && (
        <div className="panel" role="alert" style={{ padding: "12px 16px", marginBottom: 16, borderLeft: "3px solid #d6453d" }}>
          <Text size="sm" fw={600}>{words.failedWith}</Text>
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>{execution.error}</Text>
        </div>
      )}
      <Stopped execution={execution} />
      <Facts execution={execution} />
      {calls(execution) && <Called executionId={id} />}
      <Journal execution={execution} />
      <Title order={2} mt="lg" mb="xs">{words.trigger}</Title>
      <JsonBlock value={execution.trigger_data} label={words.trigger} />
    </Page>
  );
}

/** The run on the canvas, and beside it step by step: what is pressed above is shown below. */
function Journal({ execution }: { execution: Execution }) {
  const journal = useJournal(execution);
  const [asked, setAsked] = useState<Asked>();
  return (
    <>
      <Made logs={journal.logs} />
      {journal.error ? <ErrorState error={journal.error} again={journal.again} /> : !journal.isWhole && <Text size="sm" c="dimmed" mt="sm" role="status">{words.loadingRows}</Text>}
      <Title order={2} mt="lg" mb="xs">{words.canvas}</Title>
      <div className={`panel ${classes["canvas"] ?? ""}`}>
        <Suspense fallback={<Skeleton height="100%" />}>
          <RunCanvas
            workflowId={execution.workflow_id} version={execution.workflow_version} status={execution.status} rows={journal.logs} chosen={asked?.stepId}
            onChoose={(stepId) => setAsked({ stepId, number: (asked?.number ?? 0) + 1 })}
          />
        </Suspense>
      </div>
      <Title order={2} mt="lg" mb="xs">{words.steps}</Title>
      <Steps journal={journal} isOver={ended.has(execution.status)} endedAt={stoppedIn(execution.result)?.path} asked={asked} />
    </>
  );
}

/** Tickets, messages and runs that came of it, each a way there. */
function Made({ logs }: { logs: Schema<"ExecutionLog">[] }) {
  const made = madeBy(logs);
  if (made.length === 0) return null;
  return (
    <Group gap="sm" mt="sm" component="section" aria-label={words.made}>
      <Text size="sm" c="dimmed">{words.made}:</Text>
      {made.map(({ kind, id }) => <MadeLink key={`${kind}:${id}`} kind={kind} id={id} />)}
    </Group>
  );
}

function MadeLink({ kind, id }: MadeRecord) {
  const label = `${texts.madeKinds[kind]} #${id}`;
  const search = { open: String(id) };
  switch (kind) {
    case "ticket":
      return <AnchorLink size="sm" to="/tickets" search={search}>{label}</AnchorLink>;
    case "contact":
      return <AnchorLink size="sm" to="/contacts" search={search}>{label}</AnchorLink>;
    case "mail":
      return <AnchorLink size="sm" to="/outbox" search={search}>{label}</AnchorLink>;
    case "notification":
      return <AnchorLink size="sm" to="/notifications" search={{ show: "everyone" }}>{label}</AnchorLink>;
    case "execution":
      return <AnchorLink size="sm" to="/executions/$executionId" params={{ executionId: String(id) }}>{label}</AnchorLink>;
  }
}

function Back() {
  return (
    <AnchorLink to="/executions" size="sm" c="dimmed" style={{ display: "inline-flex", alignItems: "center", gap: 2, marginBottom: 8 }}>
      <IconChevronLeft size={15} aria-hidden />{words.back}
    </AnchorLink>
  );
}

function Waiting({ execution }: { execution: Execution }) {
  if (ended.has(execution.status) || !execution.wake_at) return null;
  const awaited = awaitedAt(execution.logs, execution.wake_at);
  return (
    <div className="panel" style={{ padding: "12px 16px", marginBottom: 16, borderLeft: "3px solid #c58a12" }}>
      <Text size="sm">{execution.status === "retrying" ? words.nextRetry : words.goesOn[awaited]} <strong><Countdown until={execution.wake_at} over={words.due} /></strong> · <Time at={execution.wake_at} exact />{awaited === "decision" && <> · <ToDecision executionId={execution.id} /></>}</Text>
    </div>
  );
}

/** The way to what has to be decided. */
function ToDecision({ executionId }: { executionId: number }) {
  const query = useQuery({ queryKey: ["approvals", "of", executionId], queryFn: () => take(api.GET("/api/approvals", { params: { query: { executionId, status: "open", limit: 1 } } })) });
  const id = query.data?.data[0]?.id;
  return id === undefined ? null : <Link to="/approvals" search={{ open: String(id) }}>{words.toDecision}</Link>;
}

/** That it is over before its last step is the first thing to know of it, and why. */
function Stopped({ execution }: { execution: Execution }) {
  const stopped = stoppedIn(execution.result);
  if (!stopped) return null;
  const chain = chainOf(execution.result);
  return (
    <div className="panel" role="status" style={{ padding: "12px 16px", marginBottom: 16, borderLeft: "3px solid #c58a12" }}>
      <Text size="sm" fw={600}>{stopped.path === undefined ? words.refused : words.stopped}</Text>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>{stopped.reason}</Text>
      {chain.length > 0 && <Text size="sm" c="dimmed" mt={4}>{words.chain} {chain.map((id) => <Run key={id} id={id} />)}</Text>}
    </div>
  );
}

/** The runs, each started by the one before, at whose end this one was stopped. */
function chainOf(result: Execution["result"]): number[] {
  const chain: unknown = result?.["chain"];
  if (!Array.isArray(chain)) return [];
  return chain.flatMap((link: unknown) => {
    const id: unknown = typeof link === "object" && link !== null ? Reflect.get(link, "executionId") : undefined;
    return typeof id === "number" ? [id] : [];
  });
}

/** Only a run that has called others is asked for them. */
function calls({ logs, logs_next_cursor: next }: Execution): boolean {
  return !!next || logs.some((log) => log.step_type === "workflow");
}

function Facts({ execution }: { execution: Execution }) {
  const { contact_id: contact, submission_id: submission, retry_of: original, parent_id: parent } = execution;
  const steps = execution.logs.filter((log) => log.step_type !== "condition");
  const done = steps.filter((log) => log.status === "completed").length;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, md: 4 }} spacing="md" className="panel" p="md" component="dl" m={0}>
      <Fact name={words.started}><Time at={execution.started_at ?? execution.created_at} exact /></Fact>
      <Fact name={words.took}>{duration(execution.duration_ms)}</Fact>
      <Fact name={words.actions}>{words.actionsText(done, execution.actions_failed)}</Fact>
      <Fact name={words.event}>{execution.event_id ? <Link to="/executions" search={{ eventId: execution.event_id }}>{execution.trigger_event}</Link> : execution.trigger_event}</Fact>
      {contact && <Fact name={words.contact}><Link to="/contacts" search={{ open: String(contact) }}>{nameOf(execution) ?? `#${contact}`}</Link></Fact>}
      {submission && <Fact name={words.submission}><Link to="/submissions/$submissionId" params={{ submissionId: String(submission) }}>#{submission}</Link></Fact>}
      {submission && <Fact name={words.tickets}><Link to="/tickets" search={{ submissionId: String(submission) }}>{words.tickets}</Link></Fact>}
      {parent && <Fact name={words.parent}><Run id={parent} /></Fact>}
      {original && <Fact name={words.retryOf}><Run id={original} /></Fact>}
      {execution.retries.length > 0 && <Fact name={words.retries}>{execution.retries.map((id) => <Run key={id} id={id} />)}</Fact>}
    </SimpleGrid>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">{name}</Text>
      <Text component="dd" size="sm" m={0} className="numbers" style={{ overflowWrap: "anywhere" }}>{children}</Text>
    </div>
  );
}

function Run({ id }: { id: number }) {
  return <Link to="/executions/$executionId" params={{ executionId: String(id) }} style={{ marginInlineEnd: 8 }}>#{id}</Link>;
}

function nameOf(execution: Execution): string | undefined {
  const contact: unknown = execution.trigger_data["contact"];
  if (typeof contact !== "object" || contact === null || !("name" in contact)) return undefined;
  return typeof contact.name === "string" ? contact.name : undefined;
}

function Actions({ execution }: { execution: Execution }) {
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const { dialog, confirm } = useConfirm();
  const path = { params: { path: { id: execution.id } } };
  const retry = useAction((body: Schema<"RetryIn">) => takeData(api.POST("/api/workflow-executions/{id}/retry", { ...path, body })), { touches: ["executions", "overview"], done: texts.retried });
  const cancel = useAction(() => take(api.POST("/api/workflow-executions/{id}/cancel", path)), { touches: ["executions", "overview"], done: texts.cancelled });
  if (!mayEdit) return null;
  const again = (body: Schema<"RetryIn">) => retry.mutate(body, { onSuccess: ({ newExecutionId }) => void navigate({ to: "/executions/$executionId", params: { executionId: String(newExecutionId) } }) });
  if (!ended.has(execution.status)) {
    return <>{dialog}<Button variant="default" loading={cancel.isPending} onClick={() => confirm(texts.cancelConfirm, () => cancel.mutate(undefined))}>{texts.cancel}</Button></>;
  }
  const hasFailed = execution.status !== "completed" || execution.actions_failed > 0;
  const choices: [string, string, Schema<"RetryIn">][] = [
    ...(hasFailed ? [[texts.retryFailed, texts.retryHint.failed, {}] satisfies [string, string, Schema<"RetryIn">]] : []),
    ...(hasFailed ? [[texts.retryCurrent, texts.retryHint.current, { definition: "current" }] satisfies [string, string, Schema<"RetryIn">]] : []),
    [texts.retryStart, texts.retryHint.start, { from: "start" }],
  ];
  return (
    <Menu position="bottom-end" width={280}>
      <Menu.Target><Button rightSection={<IconChevronDown size={16} />} variant={hasFailed ? "filled" : "default"} loading={retry.isPending}>{texts.retry}</Button></Menu.Target>
      <Menu.Dropdown>
        {choices.map(([label, hint, body]) => (
          <Menu.Item key={label} onClick={() => again(body)}><Text size="sm">{label}</Text><Text size="xs" c="dimmed">{hint}</Text></Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
