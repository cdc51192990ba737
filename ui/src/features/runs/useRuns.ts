import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";

import { type FlowRun, flowRunKeys, flowRunList, type FlowRunQuery, patched } from "@/api/flowRuns";
import { throttled, useStream } from "@/api/live";

/** Soon enough for eyes, seldom enough for a server on which a thousand runs start at once. */
const REFRESH_MS = 900;

/** What asks for all that is shown of runs again, soon, however often it is called. */
export function useRefresh(): () => void {
  const queries = useQueryClient();
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: flowRunKeys.all }), REFRESH_MS),
    [queries],
  );
  useEffect(() => again.cancel, [again]);
  return again;
}

/**
 * The runs that a query finds, kept current by the server's stream: a run that is shown changes at once, and the list
 * is asked for again when others come and go.
 */
export function useRuns(query: FlowRunQuery) {
  const queries = useQueryClient();
  const list = flowRunList(query);
  const found = useInfiniteQuery(list);
  const again = useRefresh();
  useStream(
    "/api/runs/stream",
    ["flow-run"],
    (_kind, value) => {
      queries.setQueriesData<typeof found.data>({ queryKey: ["flow-runs", "list"] }, (data) =>
        data === undefined ? data : patched(data, value as FlowRun),
      );
      again();
    },
    again,
  );
  const items = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  return {
    items,
    pending: found.isPending,
    problem: found.error,
    retry: () => void found.refetch(),
    more: { has: found.hasNextPage, busy: found.isFetchingNextPage, load: () => void found.fetchNextPage() },
  };
}
