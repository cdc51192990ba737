import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type FlowRun, flowRunList } from "@/api/flowRuns";
import { workers as workersQuery } from "@/api/pools";
import { Ago } from "@/components/Moment";
import { Trouble } from "@/components/Notices";
import { StateBadge } from "@/components/StateBadge";

const SHOWN = 20;

/** Which runs hold the slots of a pool, since when, and on which worker. */
export function Holders({ pool, active }: { pool: string; active: number }) {
  const found = useInfiniteQuery({
    ...flowRunList({
      work_pool_names: [pool],
      state_types: ["PENDING", "RUNNING", "CANCELLING"],
      limit: SHOWN,
    }),
    refetchInterval: 5_000,
    enabled: active > 0,
  });
  const workers = useQuery(workersQuery(pool));
  if (active === 0) return null;
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  const runs = found.data?.pages.flatMap((page) => page.items) ?? [];
  const workerOf = (run: FlowRun): string | undefined =>
    workers.data?.find((worker) => worker.runs?.includes(run.id))?.name;
  return (
    <ul aria-label="Who holds the slots" className="border-t border-line text-sm">
      {runs.map((run) => (
        <li key={run.id} className="space-y-0.5 border-b border-line px-4 py-2 last:border-0">
          <div className="flex items-center justify-between gap-2">
            <Link to="/runs/$run" params={{ run: run.id }} className="min-w-0 truncate hover:underline">
              <span className="text-ink-2">{run.flow_name}</span>
              <span className="text-ink-3"> / </span>
              <span className="font-medium">{run.name}</span>
            </Link>
            <StateBadge type={run.state_type} name={run.state_name} />
          </div>
          <p className="truncate text-xs text-ink-3">
            since <Ago at={run.start_time ?? run.expected_start_time} />
            {workerOf(run) !== undefined && ` on ${workerOf(run) ?? ""}`}
            {run.work_queue_name != null && ` · ${run.work_queue_name}`}
          </p>
        </li>
      ))}
      {active > runs.length && runs.length >= SHOWN && (
        <li className="px-4 py-2 text-xs">
          <Link to="/runs" search={{ pool: [pool], state: ["RUNNING", "PENDING"] }} className="underline">
            All {active.toLocaleString()}
          </Link>
        </li>
      )}
    </ul>
  );
}
