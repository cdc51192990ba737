import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useSyncExternalStore } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { graphPages } from "@/api/graph";
import { pollWhileAway } from "@/api/live";
import { useNow } from "@/lib/clock";
import { isFinal } from "@/lib/states";

import { GraphLoader } from "./loader";
import type { Nodes } from "./types";

export interface RunGraph {
  /** Null before the first page came. */
  nodes: Nodes | null;
  /** Until when what has not ended goes; milliseconds. */
  now: number;
  /** Why the last question had no answer; what was read before is still there. */
  error: unknown;
  retry: () => void;
  /** Whether there are pages that have not come yet. */
  isLoading: boolean;
  opened: ReadonlySet<number>;
  onOpen: (rows: readonly number[], open: boolean) => void;
}

/**
 * The graph of a run, kept current. Whoever hears of changes says so by invalidating the queries `["graph", run.id]`, as
 * the page of a run does with what its stream tells.
 */
export function useGraph(run: FlowRun): RunGraph {
  const { id } = run;
  const loader = useMemo(() => new GraphLoader(id, graphPages), [id]);
  useEffect(() => {
    loader.start();
    return () => loader.close();
  }, [loader]);
  const hasEnded = isFinal(run.state_type);
  useEffect(() => {
    if (hasEnded) loader.wake();
  }, [loader, hasEnded]);
  // Nothing is read here: it hears that something changed, and passes it on.
  useQuery({
    queryKey: ["graph", id, "changes"] as const,
    queryFn: () => {
      loader.wake();
      return Date.now();
    },
    refetchInterval: () => pollWhileAway(),
    staleTime: Infinity,
  });
  const nodes = useSyncExternalStore(loader.subscribe, loader.nodes);
  const opened = useSyncExternalStore(loader.subscribe, loader.openedRows);
  const error = useSyncExternalStore(loader.subscribe, loader.error);
  const isComplete = useSyncExternalStore(loader.subscribe, loader.isComplete);
  const clock = useNow().getTime();
  return {
    nodes: nodes.count === 0 && !isComplete ? null : nodes,
    now: hasEnded && run.end_time != null ? Date.parse(run.end_time) : clock,
    error,
    retry: loader.wake,
    isLoading: !isComplete,
    opened,
    onOpen: loader.open,
  };
}
