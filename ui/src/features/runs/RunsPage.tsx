import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { history, stateCounts } from "@/api/flowRuns";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { Card } from "@/components/ui/card";
import { BulkBar } from "@/features/runs/BulkBar";
import { Filters } from "@/features/runs/Filters";
import { Counts, History } from "@/features/runs/History";
import { queryOf, spanOf } from "@/features/runs/query";
import { RunRow } from "@/features/runs/RunRow";
import { SavedViews } from "@/features/runs/SavedViews";
import { Scatter } from "@/features/runs/Scatter";
import { useRuns } from "@/features/runs/useRuns";
import { ignoredFilters, readRunFilters, type RunFilters } from "@/lib/filters";
import type { StateType } from "@/lib/states";

const route = getRouteApi("/shell/runs");
const BARS = 60;

/** Flow runs: over time, by state, one by one; every filter stands in the address. */
export function RunsPage() {
  // The router hands on what stands in the address besides; only what can be used is.
  const given = route.useSearch();
  const filters = useMemo(() => readRunFilters({ ...given }), [given]);
  const ignored = useMemo(() => ignoredFilters({ ...given }), [given]);
  const navigate = route.useNavigate();
  const [opened] = useState(Date.now);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const query = useMemo(() => queryOf(filters, opened), [filters, opened]);
  const withoutStates = useMemo(() => queryOf({ ...filters, state: undefined }, opened), [filters, opened]);
  const { since, until } = spanOf(filters, opened);

  const runs = useRuns(query);
  const counts = useQuery(stateCounts(withoutStates));
  const bars = useQuery({ ...history(query, since, until, BARS), placeholderData: keepPreviousData });

  const change = (given: RunFilters): void => {
    setChosen(new Set());
    void navigate({ search: given });
  };
  const toggle = (type: StateType): void => {
    const before = filters.state ?? [];
    const state = before.includes(type) ? before.filter((one) => one !== type) : [...before, type];
    const { state: _, ...rest } = filters;
    change(state.length > 0 ? { ...rest, state } : rest);
  };

  return (
    <>
      <PageHeader title="Runs" tab="Runs" actions={<SavedViews filters={filters} onOpen={change} />} />
      <div className="space-y-4">
        {ignored.length > 0 && (
          <p role="status" className="rounded-md border border-line bg-sunken px-3 py-2 text-sm">
            Not used, because it is no filter of runs: <code className="break-all">{ignored.join(", ")}</code>
          </p>
        )}
        <Filters filters={filters} onChange={change} />
        <Card
          title="Over time"
          aside={<Counts counts={counts.data ?? {}} chosen={filters.state ?? []} onToggle={toggle} />}
        >
          <div className="grid gap-4 p-4 lg:grid-cols-2">
            <History buckets={bars.data ?? []} label="Runs over time, by state" height={160} />
            <Scatter runs={runs.items.slice(0, 1000)} since={since} until={until} />
          </div>
        </Card>
        <Card>
          <BulkBar
            filters={filters}
            query={query}
            chosen={[...chosen]}
            shown={runs.items.length}
            onAll={(all) => setChosen(all ? new Set(runs.items.map((run) => run.id)) : new Set())}
          />
          <Rows
            items={runs.items}
            keyOf={(run) => run.id}
            label="Runs"
            height={52}
            pending={runs.pending}
            problem={runs.problem}
            retry={runs.retry}
            more={runs.more}
            row={(run) => (
              <RunRow
                run={run}
                chosen={chosen.has(run.id)}
                onChoose={(on) => {
                  const next = new Set(chosen);
                  if (on) next.add(run.id);
                  else next.delete(run.id);
                  setChosen(next);
                }}
              />
            )}
            empty={
              <Empty
                title="No runs here."
                command={"export LEVADA_API_URL=" + location.origin + "/api\npython my_flow.py"}
              >
                Nothing fits these filters. A flow that is run with this server&apos;s address in its
                environment shows up here at once.{" "}
                <Link to="/runs" className="underline">
                  Show the last seven days
                </Link>
                .
              </Empty>
            }
          />
        </Card>
      </div>
    </>
  );
}
