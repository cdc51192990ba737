import { Link } from "@tanstack/react-router";

import type { Deployment } from "@/api/deployments";
import { Empty } from "@/components/Notices";
import { Rows } from "@/components/Rows";
import { Card } from "@/components/ui/card";
import { RunRow } from "@/features/runs/RunRow";
import { useRuns } from "@/features/runs/useRuns";

export function RunsTab({ deployment }: { deployment: Deployment }) {
  const runs = useRuns({ deployment_ids: [deployment.id] });
  const full = `${deployment.flow_name}/${deployment.name}`;
  return (
    <Card
      title="Runs, newest first"
      aside={
        <Link
          to="/runs"
          search={{ deployment: [full] }}
          className="text-xs text-ink-3 hover:text-ink hover:underline"
        >
          Filter them
        </Link>
      }
    >
      <Rows
        {...runs}
        keyOf={(run) => run.id}
        row={(run) => <RunRow run={run} />}
        label="Runs of this deployment"
        height={52}
        className="max-h-[calc(100vh-17rem)] overflow-auto"
        empty={
          <Empty title="It has not run yet." command={`levada deployment run ${full}`}>
            Run it with the button above, from a terminal, or give it a schedule.
          </Empty>
        }
      />
    </Card>
  );
}
