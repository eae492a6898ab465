import { Drawer, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useCallback } from "react";
import { useFilters } from "./filters";
import { ErrorState, RowsLoading } from "./states";

/** Which record of a list is open beside it; part of the address, so that others can link to it. */
export function useOpenRecord() {
  const { filters, set } = useFilters();
  const text = filters["open"];
  const open = useCallback((id: number | "new") => set({ open: String(id) }), [set]);
  const close = useCallback(() => set({ open: undefined }), [set]);
  return {
    isNew: text === "new",
    id: text && /^\d+$/.test(text) ? Number(text) : undefined,
    open,
    close,
  };
}

type Frame = { title: string; isOpen: boolean; close: () => void };
type Props<Row> = Frame & { query: UseQueryResult<Row>; children: (record: Row) => ReactNode };

export function OpenRecord<Row>({ title, isOpen, close, query, children }: Props<Row>) {
  return (
    <Drawer opened={isOpen} onClose={close} title={<Text fw={600}>{title}</Text>}>
      {query.data ? children(query.data) : query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading rows={5} />}
    </Drawer>
  );
}

/** The same place for a record that is not there yet. */
export function NewRecord({ title, isOpen, close, children }: Frame & { children: ReactNode }) {
  return <Drawer opened={isOpen} onClose={close} title={<Text fw={600}>{title}</Text>}>{children}</Drawer>;
}
