import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { usePages } from "../../api/queries";
import { type Column, DataTable } from "../../ui/DataTable";
import { useFilters } from "../../ui/filters";
import { OpenRecord, useOpenRecord } from "../../ui/OpenRecord";
import { Page } from "../../ui/Page";
import { SearchBox } from "../../ui/SearchBox";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/Time";
import classes from "./data.module.css";
import { texts } from "./texts";

type Mail = Schema<"OutboxMail">;

const words = texts.outbox;

export function OutboxScreen() {
  const { filters: { q, executionId } } = useFilters();
  const record = useOpenRecord();
  const pages = usePages(["outbox", q, executionId], (cursor) => take(api.GET("/api/outbox", { params: { query: { ...(q && { q }), ...(executionId && { executionId: Number(executionId) }), ...(cursor && { cursor }) } } })));
  const { open } = record;
  const columns = useMemo((): Column<Mail>[] => [
    { title: words.columns.subject, cell: (row) => <Anchor component="button" size="sm" c="inherit" fw={500} ta="start" onClick={() => open(row.id)}>{row.subject}</Anchor> },
    { title: words.columns.to, from: "sm", cell: (row) => <Text size="sm" c="dimmed">{row.to.join(", ")}</Text> },
    { title: words.columns.execution, from: "md", width: 110, cell: (row) => row.execution_id && <Link to="/executions/$executionId" params={{ executionId: String(row.execution_id) }} className="plain">#{row.execution_id}</Link> },
    { title: words.columns.at, width: 140, from: "xs", cell: (row) => <Time at={row.created_at} /> },
  ], [open]);
  return (
    <Page title={words.title} hint={<>{words.hint} <Link to="/settings" search={{ tab: "email" }}>{words.setOne}</Link></>}>
      <Group mb="sm"><SearchBox label={words.search} /></Group>
      <DataTable label={words.title} pages={pages} columns={columns} keyOf={(row) => row.id} empty={<EmptyState {...(q ? texts.nothing : words.empty)} />} />
      <Opened {...record} />
    </Page>
  );
}

function Opened({ id, close }: ReturnType<typeof useOpenRecord>) {
  const query = useQuery({ queryKey: ["outbox", "one", id], enabled: id !== undefined, queryFn: () => takeData(api.GET("/api/outbox/{id}", { params: { path: { id: id ?? 0 } } })) });
  return (
    <OpenRecord title={query.data?.subject ?? words.one} isOpen={id !== undefined} close={close} query={query}>
      {(mail) => (
        <>
          <dl className={classes["answers"]}>
            <div><dt>{words.from}</dt><dd>{mail.from}</dd></div>
            <div><dt>{words.columns.to}</dt><dd>{mail.to.join(", ")}</dd></div>
            {mail.cc.length > 0 && <div><dt>{words.cc}</dt><dd>{mail.cc.join(", ")}</dd></div>}
            <div><dt>{words.columns.at}</dt><dd><Time at={mail.created_at} exact /></dd></div>
            {mail.execution_id && <div><dt>{words.columns.execution}</dt><dd><Link to="/executions/$executionId" params={{ executionId: String(mail.execution_id) }}>#{mail.execution_id}</Link></dd></div>}
            {mail.text && <div><dt>{words.text}</dt><dd>{mail.text}</dd></div>}
          </dl>
          {/* A mail is somebody else's HTML: without scripts, without this page's origin. */}
          {mail.html && <><Text size="sm" c="dimmed" mt="md" mb={4}>{words.html}</Text><iframe sandbox="" srcDoc={mail.html} title={words.html} className={classes["mail"]} /></>}
        </>
      )}
    </OpenRecord>
  );
}
