import { QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { ApiFailure } from "./failure";

/** One page of a list, as the server's envelope has it. */
export type Page<Row> = {
  data: Row[];
  nextCursor?: string | null | undefined;
  pagination?: { total: number; totalIsCapped?: boolean | undefined } | undefined;
};

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        // What the server refused it refuses again; only what did not arrive is worth another attempt.
        retry: (count, error) => count < 2 && !(error instanceof ApiFailure && error.status >= 400 && error.status < 500),
      },
    },
  });
}

/** A list that grows by cursor: constant time for the server however deep one reads. */
export function usePages<Row>(key: readonly unknown[], page: (cursor: string | undefined) => Promise<Page<Row>>) {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => page(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (previous) => previous,
  });
  const pages = query.data?.pages;
  const pagination = pages?.[0]?.pagination;
  return {
    rows: pages?.flatMap((one) => one.data),
    total: pagination?.total,
    totalIsCapped: pagination?.totalIsCapped === true,
    error: query.error,
    isStale: query.isPlaceholderData,
    hasMore: query.hasNextPage,
    isLoadingMore: query.isFetchingNextPage,
    more: () => void query.fetchNextPage(),
    again: () => void query.refetch(),
  };
}

export type Pages<Row> = ReturnType<typeof usePages<Row>>;
