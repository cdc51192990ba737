import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { queryOf } from "@/features/runs/query";
import { RunRow } from "@/features/runs/RunRow";
import { useRuns } from "@/features/runs/useRuns";
import type { RunFilters } from "@/lib/filters";

const FEW = 6;

interface RunCardProps {
  title: string;
  filters: RunFilters;
  opened: number;
  none: ReactNode;
  /** How many are asked for, so that the first of them in `order` are shown. */
  among?: number;
  order?: (one: FlowRun, other: FlowRun) => number;
  className?: string;
}

/** A few of the runs that filters find, and the way to all of them. */
export function RunCard({ title, filters, opened, none, among, order, className }: RunCardProps) {
  const key = JSON.stringify(filters);
  const query = useMemo(
    () => ({ ...queryOf(JSON.parse(key) as RunFilters, opened), limit: among ?? FEW + 1 }),
    [key, opened, among],
  );
  const runs = useRuns(query);
  const shown = useMemo(
    () => (order === undefined ? runs.items : [...runs.items].sort(order)).slice(0, FEW),
    [runs.items, order],
  );
  const more = runs.items.length - shown.length;
  return (
    <Card
      title={title}
      className={className ?? ""}
      aside={
        <Link to="/runs" search={filters} className="text-xs text-ink-2 hover:underline">
          {more > 0 ? `All, ${more}${runs.more.has ? "+" : ""} more` : "All"}
        </Link>
      }
    >
      {runs.pending ? (
        <Loading />
      ) : runs.problem !== null ? (
        <Trouble problem={runs.problem} retry={runs.retry} />
      ) : shown.length === 0 ? (
        <p className="px-4 py-6 text-center text-sm text-ink-3">{none}</p>
      ) : (
        <ul className="divide-y divide-line">
          {shown.map((run) => (
            <li key={run.id}>
              <RunRow run={run} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
