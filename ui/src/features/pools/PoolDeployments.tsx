import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { deploymentList } from "@/api/deployments";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { LastRun } from "@/features/deployments/LastRun";

export function PoolDeployments({ name }: { name: string }) {
  const found = useInfiniteQuery(deploymentList({ pools: [name] }));
  const deployments = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card title="Deployments">
      {found.isPending && <Loading rows={2} />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data !== undefined && deployments.length === 0 && (
        <Empty
          title="No deployment runs in this pool."
          command={`levada deploy my_flows.py:my_flow -n nightly -p ${name}`}
        />
      )}
      <ul className="text-sm">
        {deployments.map((one) => (
          <li
            key={one.id}
            className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-0"
          >
            <Link
              to="/deployments/$deployment"
              params={{ deployment: one.id }}
              className="min-w-0 flex-1 truncate hover:underline"
            >
              <span className="text-ink-2">{one.flow_name}</span>
              <span className="text-ink-3"> / </span>
              <span className="font-medium">{one.name}</span>
            </Link>
            <span className="text-xs text-ink-3">{one.spec.queue ?? "default queue"}</span>
            <LastRun deployment={one} />
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="p-2 text-center">
          <Button
            size="small"
            look="ghost"
            disabled={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            More
          </Button>
        </div>
      )}
    </Card>
  );
}
