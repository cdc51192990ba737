import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useMemo, useState } from "react";

import { type Flow, flowKeys, flowList } from "@/api/flows";
import { throttled, useStream } from "@/api/live";
import { Ago } from "@/components/Moment";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { isStateType } from "@/lib/states";

export function FlowsPage() {
  const [text, setText] = useState("");
  const name = useDeferredValue(text.trim());
  const found = useInfiniteQuery(flowList(name));
  const queries = useQueryClient();
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: flowKeys.all }), 1_000),
    [queries],
  );
  useEffect(() => again.cancel, [again]);
  useStream("/api/runs/stream", ["flow-run"], again, again);

  const flows = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title="Flows"
        tab="Flows"
        actions={
          <Input
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder="Name …"
            aria-label="Search flows by name"
            className="w-56"
          />
        }
      />
      <Card>
        <Rows
          items={flows}
          keyOf={(flow) => flow.id}
          row={(flow) => <FlowRow flow={flow} />}
          label="Flows"
          height={45}
          className="max-h-[calc(100vh-9rem)] overflow-auto"
          empty={
            name === "" ? (
              <Empty title="No flow has run yet." command={"levada run my_flows.py:my_flow"}>
                A flow is a Python function under @flow. It is listed here from its first run or deployment
                on.
              </Empty>
            ) : (
              <Empty title={`No flow has “${name}” in its name.`} />
            )
          }
          pending={found.isPending}
          problem={found.error}
          retry={() => void found.refetch()}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      </Card>
    </>
  );
}

function FlowRow({ flow }: { flow: Flow }) {
  const runs = flow.runs ?? 0;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5 hover:bg-sunken/60">
      <Link
        to="/runs"
        search={{ flow: [flow.name] }}
        className="min-w-40 flex-1 truncate font-medium hover:underline max-sm:basis-full"
      >
        {flow.name}
      </Link>
      <span className="w-28 text-right text-xs text-ink-2 tabular-nums max-sm:order-last max-sm:ml-auto max-sm:w-auto">
        {runs.toLocaleString()} {runs === 1 ? "run" : "runs"}
      </span>
      <span className="flex w-28 justify-end max-sm:w-auto">
        {flow.last_state != null && <StateBadge type={typeOf(flow.last_state)} name={flow.last_state} />}
      </span>
      <span className="w-24 text-right text-xs text-ink-2 max-sm:w-auto">
        <Ago at={flow.last_run} />
      </span>
      <Link
        to="/deployments"
        search={{ flow: [flow.name] }}
        className="hidden text-xs text-ink-3 hover:text-ink hover:underline sm:inline"
      >
        Deployments
      </Link>
    </div>
  );
}

/** States that go by another name than their type. */
const TYPES: Record<string, string> = {
  Late: "SCHEDULED",
  AwaitingRetry: "SCHEDULED",
  Retrying: "RUNNING",
  Suspended: "PAUSED",
  TimedOut: "FAILED",
  Cached: "COMPLETED",
};

function typeOf(name: string): string | undefined {
  const type = name.toUpperCase();
  return isStateType(type) ? type : TYPES[name];
}
