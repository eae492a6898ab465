import { Group, SegmentedControl, SimpleGrid, Skeleton, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useOpenApprovals } from "../../api/approvals";
import { api, type Schema, take, takeData } from "../../api/client";
import { FilterSelect } from "../../ui/FilterSelect";
import { type Filters, useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { EmptyState, ErrorState, RowsLoading } from "../../ui/states";
import { useStepName } from "../../ui/stepName";
import { StatusChip } from "../../ui/StatusChip";
import { duration, Time } from "../../ui/Time";
import { daysOf, startOf } from "./period";
import { texts } from "./texts";
import { ButtonLink } from "../../ui/links";

const TrendChart = lazy(() => import("./TrendChart"));

export function OverviewScreen() {
  const { filters, set } = useFilters();
  const period = filters["days"] && filters["days"] in texts.periods ? filters["days"] : "30";
  const startDate = startOf(Number(period), new Date());
  const workflowId = filters["workflowId"] && /^\d+$/.test(filters["workflowId"]) ? Number(filters["workflowId"]) : undefined;
  const query = useQuery({
    queryKey: ["overview", startDate, workflowId],
    queryFn: () => takeData(api.GET("/api/workflow-executions/stats/overview", { params: { query: { startDate, ...(workflowId && { workflowId }) } } })),
    placeholderData: (before) => before,
  });
  const workflows = useQuery({ queryKey: ["workflows", "names"], queryFn: () => take(api.GET("/api/workflows", { params: { query: { limit: 200 } } })) });
  const inPeriod: Filters = { startDate, ...(workflowId && { workflowId: String(workflowId) }) };
  return (
    <Page
      title={texts.title}
      actions={<>
        <FilterSelect name="workflowId" label={texts.workflow} searchable choices={workflows.data?.data.map(({ id, name }) => ({ value: String(id), label: name })) ?? []} />
        <SegmentedControl size="sm" aria-label={texts.period} value={period} onChange={(days) => set({ days })} data={Object.entries(texts.periods).map(([value, label]) => ({ value, label }))} />
      </>}
    >
      {query.data ? <Content overview={query.data} startDate={startDate} inPeriod={inPeriod} /> : query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading height={90} rows={5} />}
    </Page>
  );
}

type ContentProps = { overview: Schema<"Overview">; startDate: string; inPeriod: Filters };

function Content({ overview, startDate, inPeriod }: ContentProps) {
  const navigate = useNavigate();
  const count = (status: Schema<"ExecutionStatusName">) => overview.statusBreakdown.find((share) => share.status === status)?.count ?? 0;
  const total = overview.statusBreakdown.reduce((sum, share) => sum + share.count, 0);
  const now = { ...(inPeriod["workflowId"] && { workflowId: inPeriod["workflowId"] }) };
  const numbers: [string, string, Filters][] = [
    [texts.ran, total.toLocaleString(), inPeriod],
    [texts.rate, overview.successRate === null || overview.successRate === undefined ? "—" : `${overview.successRate.toFixed(1)} %`, { ...inPeriod, outcome: "matched" }],
    [texts.failed, count("failed").toLocaleString(), { ...inPeriod, status: "failed" }],
    [texts.matched, overview.outcomes.matched.toLocaleString(), { ...inPeriod, outcome: "matched" }],
    [texts.waiting, overview.now.waiting.toLocaleString(), { ...now, status: "waiting" }],
    [texts.retrying, overview.now.retrying.toLocaleString(), { ...now, status: "retrying" }],
  ];
  return (
    <>
      <Alerts />
      <OpenApprovals />
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
        {numbers.map(([label, value, search]) => (
          <Link key={label} to="/executions" search={search} className="panel card-link" style={{ padding: "12px 16px" }}>
            <Text size="xs" c="dimmed">{label}</Text>
            <Text fz={24} fw={600} lh={1.3} className="numbers">{value}</Text>
          </Link>
        ))}
      </SimpleGrid>
      {total === 0 ? <div className="panel" style={{ marginTop: 16 }}><EmptyState {...texts.empty} action={<ButtonLink to="/workflows" variant="default">{texts.start}</ButtonLink>} /></div> : (
        <>
          <section className="panel" style={{ padding: 16, marginTop: 12 }} aria-label={texts.overTime}>
            <Title order={2} mb="sm">{texts.overTime}</Title>
            <div role="img" aria-label={texts.chart(total, count("failed"))}>
              <Suspense fallback={<Skeleton height={240} />}>
                <TrendChart days={daysOf(overview.dailyTrend, startDate, new Date())} open={(date) => void navigate({ to: "/executions", search: { ...inPeriod, startDate: date, endDate: date } })} />
              </Suspense>
            </div>
          </section>
          <ByWorkflow shares={overview.topWorkflows} inPeriod={inPeriod} />
          <SlowestSteps startDate={startDate} inPeriod={inPeriod} />
        </>
      )}
    </>
  );
}

/** Runs that wait for the person who looks. */
function OpenApprovals() {
  const count = useOpenApprovals();
  if (count === 0) return null;
  return (
    <Group className="panel" gap="sm" px="md" py="xs" mb="sm" style={{ borderLeft: "3px solid #c58a12" }}>
      <StatusChip tone="waiting">{texts.approvals(count)}</StatusChip>
      <Text size="sm"><Link to="/approvals">{texts.toApprovals}</Link></Text>
    </Group>
  );
}

function Alerts() {
  const query = useQuery({ queryKey: ["overview", "alerts"], queryFn: () => take(api.GET("/api/alerts", { params: { query: { state: "open", limit: 20 } } })) });
  if (!query.data?.data.length) return null;
  return (
    <section className="panel" style={{ padding: "12px 16px", marginBottom: 12, borderLeft: "3px solid #d6453d" }} aria-label={texts.alerts}>
      {query.data.data.map((alert) => (
        <Group key={alert.id} gap="sm" py={3}>
          <StatusChip tone="bad">{alert.message}</StatusChip>
          <Text size="xs" c="dimmed">{texts.since} <Time at={alert.raised_at} /></Text>
          <Text size="sm"><Link to="/executions" search={{ ...(alert.workflow_id && { workflowId: String(alert.workflow_id) }), status: alert.kind === "stuck_executions" ? "running" : "failed" }}>{texts.ran}</Link></Text>
        </Group>
      ))}
    </section>
  );
}

function Head({ title, isNumber = true, from }: { title: string; isNumber?: boolean; from?: "sm" }) {
  return <Table.Th {...(from && { visibleFrom: from })} style={{ textAlign: isNumber ? "end" : "start", fontWeight: 500, fontSize: 13, color: "var(--mantine-color-dimmed)" }}>{title}</Table.Th>;
}

/** What holds runs up: the actions that take longest. */
function SlowestSteps({ startDate, inPeriod }: { startDate: string; inPeriod: Filters }) {
  const words = texts.steps;
  const stepName = useStepName();
  const workflowId = inPeriod["workflowId"] ? Number(inPeriod["workflowId"]) : undefined;
  const query = useQuery({
    queryKey: ["trend", "steps", startDate, workflowId],
    queryFn: () => takeData(api.GET("/api/workflow-executions/stats/steps", { params: { query: { startDate, ...(workflowId && { workflowId }) } } })),
    placeholderData: (before) => before,
  });
  if (query.error) return <section className="panel" style={{ marginTop: 12 }} aria-label={words.title}><ErrorState error={query.error} again={() => void query.refetch()} /></section>;
  if (!query.data?.steps.length) return null;
  return (
    <section className="panel" style={{ marginTop: 12 }} aria-label={words.title}>
      <Title order={2} p="md" pb={0}>{words.title}</Title>
      <Text size="xs" c="dimmed" px="md" pb={4}>{words.hint(query.data.looked_at.toLocaleString())}</Text>
      <div style={{ overflowX: "auto" }}>
        <Table>
          <Table.Thead><Table.Tr><Head title={words.step} isNumber={false} /><Head title={words.attempts} from="sm" /><Head title={words.failed} /><Head title={words.took} /><Head title={words.longest} from="sm" /></Table.Tr></Table.Thead>
          <Table.Tbody>
            {query.data.steps.map((step) => (
              <Table.Tr key={`${step.workflow_id} ${step.step_id}`}>
                <Table.Td>
                  <Link to="/executions" search={{ ...inPeriod, workflowId: String(step.workflow_id) }} className="plain">{stepName(step.step_name)}</Link>
                  <Text size="xs" c="dimmed">{step.workflow_name}</Text>
                </Table.Td>
                <Table.Td visibleFrom="sm" ta="end" className="numbers">{step.attempts.toLocaleString()}</Table.Td>
                <Table.Td ta="end" className="numbers">{step.failures.toLocaleString()}</Table.Td>
                <Table.Td ta="end" className="numbers">{duration(step.avg_duration)}</Table.Td>
                <Table.Td visibleFrom="sm" ta="end" className="numbers">{duration(step.max_duration)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}

function ByWorkflow({ shares, inPeriod }: { shares: Schema<"WorkflowShare">[]; inPeriod: Filters }) {
  const words = texts.columns;
  return (
    <section className="panel" style={{ marginTop: 12 }} aria-label={texts.perWorkflow}>
      <Title order={2} p="md" pb={4}>{texts.perWorkflow}</Title>
      <div style={{ overflowX: "auto" }}>
        <Table>
          <Table.Thead><Table.Tr><Head title={words.name} isNumber={false} /><Head title={words.runs} /><Head title={words.failed} /><Head title={words.rate} from="sm" /><Head title={words.took} from="sm" /></Table.Tr></Table.Thead>
          <Table.Tbody>
            {shares.map((share) => {
              const ended = share.success_count + share.failure_count;
              const search = { ...inPeriod, workflowId: String(share.id) };
              return (
                <Table.Tr key={share.id}>
                  <Table.Td><Link to="/workflows/$workflowId" params={{ workflowId: String(share.id) }} className="plain">{share.name}</Link></Table.Td>
                  <Table.Td ta="end" className="numbers"><Link to="/executions" search={search} className="plain">{share.execution_count.toLocaleString()}</Link></Table.Td>
                  <Table.Td ta="end" className="numbers"><Link to="/executions" search={{ ...search, status: "failed" }} className="plain">{share.failure_count.toLocaleString()}</Link></Table.Td>
                  <Table.Td visibleFrom="sm" ta="end" className="numbers">{ended > 0 ? `${((100 * share.success_count) / ended).toFixed(1)} %` : "—"}</Table.Td>
                  <Table.Td visibleFrom="sm" ta="end" className="numbers">{duration(share.avg_duration)}</Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}
