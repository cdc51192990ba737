import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";

import { api, asked } from "@/api/client";
import { type FlowRunQuery } from "@/api/flowRuns";
import { pollWhileAway, throttled, useStream } from "@/api/live";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/input";
import { longestWaitFirst } from "@/features/dashboard/order";
import { PoolHealth } from "@/features/dashboard/PoolHealth";
import { RunCard } from "@/features/dashboard/RunCard";
import { TagFilter } from "@/features/dashboard/TagFilter";
import { Upcoming } from "@/features/dashboard/Upcoming";
import { Counts, History, pieces } from "@/features/runs/History";
import { queryOf, spanOf } from "@/features/runs/query";
import { type Range, RANGES, type RunFilters } from "@/lib/filters";
import { duration } from "@/lib/time";

const route = getRouteApi("/shell/");
const BARS = 72;
const KEY = ["dashboard", "history"] as const;
/** Counting all runs of a month costs a server more than a list does, and bars move slowly. */
const REFRESH_MS = 4_000;

/** What a person wants to know first: what failed, what waits, what comes. */
export function DashboardPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [opened] = useState(Date.now);
  const filters = useMemo<RunFilters>(() => ({ range: "24h", ...search }), [search]);
  const tagged = search.tag === undefined ? {} : { tag: search.tag };
  return (
    <>
      <PageHeader
        title="Dashboard"
        tab="Dashboard"
        actions={
          <>
            <TagFilter
              tags={search.tag ?? []}
              onChange={(tag) => {
                const { tag: _former, ...rest } = search;
                void navigate({ search: tag.length > 0 ? { ...rest, tag } : rest });
              }}
            />
            <Select
              aria-label="Time"
              value={filters.range ?? "24h"}
              onChange={(event) =>
                void navigate({ search: { ...search, range: event.target.value as Range } })
              }
            >
              {(Object.keys(RANGES) as Range[]).map((one) => (
                <option key={one} value={one}>
                  Last {one}
                </option>
              ))}
            </Select>
          </>
        }
      />
      <div className="grid gap-4 lg:grid-cols-3">
        <Overview filters={filters} opened={opened} />
        <RunCard
          className="lg:col-span-2"
          title="Failed and crashed"
          filters={{ ...filters, state: ["FAILED", "CRASHED"] }}
          opened={opened}
          none="Nothing failed in this time."
        />
        <PoolHealth />
        <div className="min-w-0 space-y-4 lg:col-span-2">
          <RunCard
            title="Late and waiting"
            filters={{ range: "30d", state: ["SCHEDULED", "PENDING", "PAUSED"], ...tagged }}
            opened={opened}
            none="Nothing waits now."
            among={50}
            order={longestWaitFirst}
          />
          <RunCard
            title="Running"
            filters={{ range: "30d", state: ["RUNNING", "CANCELLING"], ...tagged }}
            opened={opened}
            none="Nothing runs now."
          />
        </div>
        <Upcoming opened={opened} />
      </div>
    </>
  );
}

/** Runs over time by state; a state and a bar lead to their runs. */
function Overview({ filters, opened }: { filters: RunFilters; opened: number }) {
  const navigate = route.useNavigate();
  const query = useMemo(() => queryOf(filters, opened), [filters, opened]);
  const { since, until } = spanOf(filters, opened);
  const queries = useQueryClient();
  const bars = useQuery({
    queryKey: [...KEY, query, since, until] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/flow_runs/history", {
          body: query,
          params: { query: { start: since, end: until, buckets: BARS } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: () => pollWhileAway(),
  });
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: KEY }), REFRESH_MS),
    [queries],
  );
  useEffect(() => again.cancel, [again]);
  useStream("/api/runs/stream", ["flow-run"], again, again);
  const counts: Record<string, number> = {};
  for (const bucket of bars.data ?? [])
    for (const { type, count } of pieces(bucket)) counts[type] = (counts[type] ?? 0) + count;
  const nothing = bars.data !== undefined && Object.keys(counts).length === 0;
  return (
    <Card
      className="lg:col-span-3"
      title={<>Flow runs{!nothing && <Lateness query={query} />}</>}
      aside={
        <Counts
          counts={counts}
          chosen={[]}
          onToggle={(type) => void navigate({ to: "/runs", search: { ...filters, state: [type] } })}
        />
      }
    >
      {bars.error !== null ? (
        <Trouble problem={bars.error} retry={() => void bars.refetch()} />
      ) : bars.data === undefined ? (
        <Loading rows={3} />
      ) : nothing ? (
        <Empty
          title="No runs in this time."
          command={`export LEVADA_API_URL=${location.origin}/api\nlevada run my_flows.py:my_flow`}
        >
          A flow that runs with this server&apos;s address in its environment shows up here at once.
        </Empty>
      ) : (
        <div className="p-4">
          <History buckets={bars.data} label="Runs over time, by state" height={120} />
        </div>
      )}
    </Card>
  );
}

function Lateness({ query }: { query: FlowRunQuery }) {
  const found = useQuery({
    queryKey: ["flow-runs-lateness", query] as const,
    queryFn: ({ signal }) => asked(api.POST("/api/flow_runs/lateness", { body: query, signal })),
    staleTime: 60_000, // an average does not jump
  });
  if (found.data === undefined || found.data.runs === 0) return null;
  return (
    <span
      className="ml-2 font-normal text-ink-3"
      title={`Of ${found.data.runs.toLocaleString()} runs; one that should have begun counts as it stands`}
    >
      begun {duration(found.data.average_seconds)} after their time, on average
    </span>
  );
}
