import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, asked } from "@/api/client";
import { Command } from "@/components/Copy";
import { Ago } from "@/components/Moment";
import { Card } from "@/components/ui/card";
import { List } from "@/features/dashboard/List";

const DAY_MS = 86_400_000;

/** What schedules make in the next day. */
export function Upcoming({ opened }: { opened: number }) {
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
      <List
        empty={
          <>
            <p>Nothing is scheduled. A deployment with a schedule runs by itself:</p>
            <Command text={'levada deploy my_flows.py:my_flow -n nightly -p main --cron "0 2 * * *"'} />
          </>
        }
        pending={found.isPending}
        problem={found.error}
        retry={() => void found.refetch()}
      >
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
