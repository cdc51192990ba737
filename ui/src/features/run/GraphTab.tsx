import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { GraphPanel } from "@/features/run/GraphPanel";
import type { LayoutKind } from "@/graph/types";
import { useGraph } from "@/graph/useGraph";
import { GraphView } from "@/graph/view/GraphView";
import { isFinal } from "@/lib/states";

const route = getRouteApi("/shell/runs/$run");

/** What a run did, as a picture that one goes about in. The layout and what is selected stand in the address. */
export function GraphTab({ run }: { run: FlowRun }) {
  const { nodes, now, error, retry, isLoading, opened, onOpen } = useGraph(run);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const kind: LayoutKind = search.layout ?? "time";
  const selected = useMemo(
    () => (search.node === undefined || nodes === null ? -1 : nodes.ids.indexOf(search.node)),
    [nodes, search.node],
  );
  if (nodes === null)
    return error === null ? <Loading rows={8} /> : <Trouble problem={error} retry={retry} />;
  if (nodes.count === 0)
    return (
      <Card>
        <Empty title={isFinal(run.state_type) ? "It called no tasks." : "Nothing yet."}>
          Tasks and subflows are drawn here as they are called.
        </Empty>
      </Card>
    );
  return (
    <GraphView
      nodes={nodes}
      now={now}
      kind={kind}
      onKind={(layout) => void navigate({ search: (before) => ({ ...before, layout }), replace: true })}
      opened={opened}
      onOpen={onOpen}
      selected={selected}
      onSelect={(row) => {
        const node = nodes.ids[row];
        void navigate({
          search: ({ node: _, ...before }) => (node === undefined ? before : { ...before, node }),
          replace: true,
          resetScroll: false,
        });
      }}
      onEnter={(row) => void navigate({ to: "/task-runs/$task", params: { task: nodes.ids[row] ?? "" } })}
      aside={
        isLoading ? (
          <span role="status" className="text-xs text-ink-3">
            {nodes.count.toLocaleString()} are here, more are coming …
          </span>
        ) : undefined
      }
      Panel={GraphPanel}
    />
  );
}
