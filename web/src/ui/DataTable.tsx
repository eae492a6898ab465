import { Button, Center, Table, Text } from "@mantine/core";
import { memo, type ReactNode } from "react";
import type { Pages } from "../api/queries";
import { ErrorState, RowsLoading } from "./states";
import { texts } from "./texts";

export type Column<Row> = {
  title: string;
  /** Instead of the title, which then only names the column. */
  head?: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Left out on screens narrower than this. */
  from?: "xs" | "sm" | "md" | "lg";
  isNumber?: boolean;
  width?: number | string;
};

/** `columns` stay the same from one drawing to the next, as far as they can: then rows that are there need not be drawn again. */
type Props<Row> = { label: string; pages: Pages<Row>; columns: Column<Row>[]; keyOf: (row: Row) => number; empty: ReactNode };

/** On a phone columns are as wide as they have to be; what is narrow anyway stays so. */
function widthOf(width: number | string | undefined) {
  return typeof width === "number" && width < 60 ? width : { sm: width };
}

/** Drawn again only when the record or the columns are other ones: a list has a thousand rows, and the screen around it changes with each key. */
const TableRow = memo(function TableRow<Row>({ row, columns }: { row: Row; columns: Column<Row>[] }) {
  return (
    <Table.Tr>
      {columns.map((column) => (
        <Table.Td key={column.title} visibleFrom={column.from} className={column.isNumber ? "numbers" : undefined} style={{ textAlign: column.isNumber ? "end" : "start", overflowWrap: "anywhere" }}>{column.cell(row)}</Table.Td>
      ))}
    </Table.Tr>
  );
}) as <Row>(props: { row: Row; columns: Column<Row>[] }) => ReactNode;

/** A list by cursor: its states, its rows, and the way to more. */
export function DataTable<Row>({ label, pages, columns, keyOf, empty }: Props<Row>) {
  if (!pages.rows) {
    return <div className="panel">{pages.error ? <ErrorState error={pages.error} again={pages.again} /> : <RowsLoading />}</div>;
  }
  if (pages.rows.length === 0) return <div className="panel">{empty}</div>;
  return (
    <>
      <div className={pages.isStale ? "panel stale" : "panel"}>
        <Table aria-label={label} highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Table.Th key={column.title} visibleFrom={column.from} w={widthOf(column.width)} style={{ textAlign: column.isNumber ? "end" : "start", fontWeight: 500, fontSize: 13, color: "var(--mantine-color-dimmed)" }}>{column.head ?? column.title}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {pages.rows.map((row) => <TableRow key={keyOf(row)} row={row} columns={columns} />)}
          </Table.Tbody>
        </Table>
      </div>
      <Center mt="sm" style={{ flexDirection: "column", gap: 6 }}>
        {pages.total !== undefined && <Text size="xs" c="dimmed" className="numbers">{pages.hasMore ? texts.shown(pages.rows.length, texts.total(pages.total, pages.totalIsCapped)) : texts.inAll(texts.total(pages.total, pages.totalIsCapped))}</Text>}
        {pages.hasMore && <Button variant="default" size="sm" loading={pages.isLoadingMore} onClick={pages.more}>{texts.more}</Button>}
      </Center>
    </>
  );
}
