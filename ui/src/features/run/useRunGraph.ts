import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { runGraph } from "@/api/graph";
import { GraphStore } from "@/graph/store";
import type { Nodes } from "@/graph/types";
import { isFinal } from "@/lib/states";

export interface RunGraph {
  nodes: Nodes | null;
  now: number;
  error: unknown;
  retry: () => void;
  opened: ReadonlySet<number>;
  onOpen: (rows: readonly number[], open: boolean) => void;
}

export function useRunGraph(run: FlowRun): RunGraph {
  const found = useQuery(runGraph(run.id));
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const nodes = useMemo(() => {
    if (found.data === undefined) return null;
    const store = new GraphStore(run.id);
    store.apply(found.data);
    return store.snapshot();
  }, [found.data, run.id]);
  return {
    nodes,
    now: isFinal(run.state_type) && run.end_time != null ? Date.parse(run.end_time) : found.dataUpdatedAt,
    error: found.error,
    retry: () => void found.refetch(),
    opened,
    onOpen: (rows, open) =>
      setOpened((before) => {
        const next = new Set(before);
        for (const row of rows) {
          if (open) next.add(row);
          else next.delete(row);
        }
        return next;
      }),
  };
}
