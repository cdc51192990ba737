import { useQuery } from "@tanstack/react-query";

import { retention } from "@/api/admin";
import { Facts } from "@/components/Facts";
import { Ago } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { kept, removed } from "@/features/settings/sizes";

/** How long the server keeps what it knows. */
export function Retention() {
  const found = useQuery(retention());
  const data = found.data;
  return (
    <Card title="Retention">
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {data !== undefined && (
        <>
          {!data.enabled && (
            <p className="px-4 pt-3 text-sm text-ink-2">
              Nothing is removed by age: retention is switched off.
            </p>
          )}
          <Facts
            rows={[
              ["Runs", kept(data.runs_days)],
              ["Failed runs", kept(data.failed_runs_days)],
              ["Logs", kept(data.logs_days)],
              ["Events", kept(data.events_days)],
              ["Last turn", <Ago key="last" at={data.last_run} />],
              ["Removed then", data.last_result == null ? null : removed(data.last_result)],
            ]}
          />
        </>
      )}
    </Card>
  );
}
