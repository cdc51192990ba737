import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";

import { api, asked } from "@/api/client";
import { history, stateCounts } from "@/api/flowRuns";
import { pollWhileAway } from "@/api/live";
import { Ago } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/input";
import { Counts, History } from "@/features/runs/History";
import { queryOf, spanOf } from "@/features/runs/query";
import { RunRow } from "@/features/runs/RunRow";
import { useRuns } from "@/features/runs/useRuns";
import { type Range, RANGES, type RunFilters } from "@/lib/filters";

const route = getRouteApi("/shell/");
const BARS = 72;
const FEW = 8;
const DAY_MS = 86_400_000;

/** What a person wants to know first: what failed, what waits, what comes. */
export function DashboardPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [opened] = useState(Date.now);
  const filters = useMemo<RunFilters>(() => ({ range: "24h", ...search }), [search]);
  const query = useMemo(() => queryOf(filters, opened), [filters, opened]);
  const { since, until } = spanOf(filters, opened);
  const counts = useQuery(stateCounts(query));
  const bars = useQuery(history(query, since, until, BARS));
  const nothing = counts.data !== undefined && Object.keys(counts.data).length === 0;
  return (
    <>
      <PageHeader
        title="Dashboard"
        tab="Dashboard"
        actions={
          <Select
            aria-label="Time"
            value={filters.range ?? "24h"}
            onChange={(event) => void navigate({ search: { ...search, range: event.target.value as Range } })}
          >
            {(Object.keys(RANGES) as Range[]).map((one) => (
              <option key={one} value={one}>
                Last {one}
              </option>
            ))}
          </Select>
        }
      />
      <div className="grid gap-4 lg:grid-cols-3">
        <Card
          className="lg:col-span-3"
          title="Flow runs"
          aside={
            <Counts
              counts={counts.data ?? {}}
              chosen={[]}
              onToggle={(type) => void navigate({ to: "/runs", search: { ...filters, state: [type] } })}
            />
          }
        >
          {counts.error !== null ? (
            <Trouble problem={counts.error} retry={() => void counts.refetch()} />
          ) : nothing ? (
            <Empty
              title="No runs in this time."
              command={`export LEVADA_API_URL=${location.origin}/api\npython my_flow.py`}
            >
              A flow that runs with this server&apos;s address in its environment shows up here at once.
            </Empty>
          ) : (
            <div className="p-4">
              <History buckets={bars.data ?? []} label="Runs over time, by state" height={120} />
            </div>
          )}
        </Card>
        <Runs
          className="lg:col-span-2"
          title="Failed and crashed"
          filters={{ ...filters, state: ["FAILED", "CRASHED"] }}
          opened={opened}
          none="Nothing failed in this time."
        />
        <Pools />
        <Runs
          className="lg:col-span-2"
          title="Running and waiting"
          filters={{
            range: "30d",
            state: ["RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING"],
            ...(search.tag ? { tag: search.tag } : {}),
          }}
          opened={opened}
          none="Nothing runs or waits now."
        />
        <Upcoming opened={opened} />
      </div>
    </>
  );
}

interface RunsProps {
  title: string;
  filters: RunFilters;
  opened: number;
  none: string;
  className?: string;
}

function Runs({ title, filters, opened, none, className }: RunsProps) {
  const key = JSON.stringify(filters);
  const query = useMemo(
    () => ({ ...queryOf(JSON.parse(key) as RunFilters, opened), limit: FEW + 1 }),
    [key, opened],
  );
  const runs = useRuns(query);
  return (
    <Card
      title={title}
      className={className ?? ""}
      aside={
        <Link to="/runs" search={filters} className="text-xs text-ink-2 hover:underline">
          All
        </Link>
      }
    >
      {runs.pending ? (
        <Loading />
      ) : runs.problem !== null ? (
        <Trouble problem={runs.problem} retry={runs.retry} />
      ) : runs.items.length === 0 ? (
        <p className="px-4 py-6 text-center text-sm text-ink-3">{none}</p>
      ) : (
        <ul className="divide-y divide-line">
          {runs.items.slice(0, FEW).map((run) => (
            <li key={run.id}>
              <RunRow run={run} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Pools() {
  const found = useQuery({
    queryKey: ["work-pools", "list"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/work_pools", { signal })),
    refetchInterval: () => pollWhileAway() || 15_000, // workers come and go without a run that changes
  });
  return (
    <Card title="Work pools">
      <List
        empty="No work pool yet: `levada work-pool create team` makes one."
        pending={found.isPending}
        problem={found.error}
      >
        {(found.data ?? []).map((pool) => (
          <li key={pool.spec.name} className="px-4 py-2 text-sm">
            <div className="flex items-center justify-between gap-2">
              <Link
                to="/work-pools/$pool"
                params={{ pool: pool.spec.name }}
                className="truncate font-medium hover:underline"
              >
                {pool.spec.name}
              </Link>
              <span className="text-xs text-ink-3">{pool.spec.paused === true ? "paused" : pool.status}</span>
            </div>
            <p className="text-xs text-ink-2">
              {pool.workers_online ?? 0} {pool.workers_online === 1 ? "worker" : "workers"} ·{" "}
              {pool.active ?? 0}
              {pool.spec.slots != null ? ` of ${pool.spec.slots}` : ""} taken · {pool.waiting ?? 0} waiting
            </p>
          </li>
        ))}
      </List>
    </Card>
  );
}

function Upcoming({ opened }: { opened: number }) {
  const until = new Date(Math.floor(opened / 60_000) * 60_000 + DAY_MS).toISOString();
  const found = useQuery({
    queryKey: ["deployments", "upcoming", until] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/deployments/upcoming", { params: { query: { until, limit: 10 } }, body: {}, signal }),
      ),
    refetchInterval: 30_000,
  });
  return (
    <Card title="Next 24 hours">
      <List empty="Nothing is scheduled." pending={found.isPending} problem={found.error}>
        {(found.data ?? []).map((one) => (
          <li
            key={`${one.schedule_id} ${one.nominal}`}
            className="flex justify-between gap-3 px-4 py-2 text-sm"
          >
            <Link
              to="/deployments/$deployment"
              params={{ deployment: one.deployment_id }}
              className="min-w-0 truncate hover:underline"
            >
              <span className="text-ink-2">{one.flow_name}</span> / {one.deployment_name}
            </Link>
            <span className="shrink-0 text-xs text-ink-2">
              <Ago at={one.nominal} />
            </span>
          </li>
        ))}
      </List>
    </Card>
  );
}

function List({
  children,
  empty,
  pending,
  problem,
}: {
  children: ReactNode[];
  empty: string;
  pending: boolean;
  problem: unknown;
}) {
  if (pending) return <Loading rows={3} />;
  if (problem != null) return <Trouble problem={problem} />;
  if (children.length === 0) return <p className="px-4 py-6 text-center text-sm text-ink-3">{empty}</p>;
  return <ul className="divide-y divide-line">{children}</ul>;
}
