import { Empty } from "@/components/Notices";
import { Rows } from "@/components/Rows";
import { Card } from "@/components/ui/card";
import { RunRow } from "@/features/runs/RunRow";
import { useRuns } from "@/features/runs/useRuns";

/** Runs that a flow run started. */
export function Subflows({ run }: { run: string }) {
  const runs = useRuns({ parent_flow_run_ids: [run] });
  return (
    <Card title="Subflow runs">
      <Rows
        items={runs.items}
        keyOf={(one) => one.id}
        label="Subflow runs"
        height={52}
        pending={runs.pending}
        problem={runs.problem}
        retry={runs.retry}
        more={runs.more}
        row={(one) => <RunRow run={one} />}
        empty={
          <Empty title="No subflows.">
            A flow that is called inside a flow shows up here as a run of its own.
          </Empty>
        }
      />
    </Card>
  );
}
