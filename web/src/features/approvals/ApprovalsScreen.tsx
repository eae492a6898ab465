import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { type Column, DataTable } from "../../ui/DataTable";
import { FilterSelect } from "../../ui/FilterSelect";
import { useFilters } from "../../ui/filters";
import { OpenRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { Countdown, Time } from "../../ui/Time";
import { ApprovalDetail } from "./ApprovalDetail";
import { texts } from "./texts";

type Approval = Schema<"Approval">;

const words = texts.columns;
const tones: Record<Approval["status"], Tone> = { open: "waiting", approved: "good", rejected: "bad", timed_out: "quiet", cancelled: "quiet" };

/** What waits for a decision, the newest first; what was decided is a filter away. */
export function ApprovalsScreen() {
  const { filters } = useFilters();
  const status = filters["status"] && filters["status"] in texts.states ? (filters["status"] as Approval["status"]) : "open";
  const record = useOpenRecord();
  const pages = usePages(["approvals", status], (cursor) => take(api.GET("/api/approvals", { params: { query: { status, ...(cursor && { cursor }) } } })));
  const columns: Column<Approval>[] = [
    { title: words.title, cell: (row) => <Title approval={row} open={() => record.open(row.id)} /> },
    { title: words.state, width: 190, from: "xs", cell: (row) => <StatusChip tone={tones[row.status]}>{texts.states[row.status]}</StatusChip> },
    { title: words.asked, width: 140, from: "sm", cell: (row) => <Time at={row.created_at} /> },
    { title: words.due, width: 120, from: "md", cell: (row) => (row.status === "open" ? <Text size="sm"><Countdown until={row.timeout_at} over={texts.over} /></Text> : null) },
  ];
  return (
    <Page title={texts.title} hint={texts.hint} size={980}>
      <Group mb="sm"><FilterSelect name="status" label={texts.status} choices={Object.entries(texts.states).map(([value, label]) => ({ value, label }))} /></Group>
      <DataTable label={texts.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(status === "open" ? texts.empty : texts.nothing)} />} />
      <Opened {...record} />
    </Page>
  );
}

function Title({ approval, open }: { approval: Approval; open: () => void }) {
  return (
    <>
      <Anchor component="button" size="sm" c="inherit" fw={500} ta="start" onClick={open}>{approval.title}</Anchor>
      {approval.message && <Text size="xs" c="dimmed" lineClamp={1}>{approval.message}</Text>}
    </>
  );
}

function Opened({ id, close }: ReturnType<typeof useOpenRecord>) {
  const query = useQuery({ queryKey: ["approvals", "one", id], enabled: id !== undefined, queryFn: () => takeData(api.GET("/api/approvals/{id}", { params: { path: { id: id ?? 0 } } })) });
  return <OpenRecord title={query.data?.title ?? texts.one} isOpen={id !== undefined} close={close} query={query}>{(approval) => <ApprovalDetail key={approval.id} approval={approval} close={close} />}</OpenRecord>;
}
