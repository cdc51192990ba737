import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";
import { Command } from "@/components/Copy";
import { Card } from "@/components/ui/card";
import { List } from "@/features/dashboard/List";
import { classes } from "@/lib/classes";

type Pool = Schemas["WorkPool"];

/** How a pool is, and whether that needs somebody. */
function health(pool: Pool): { word: string; bad: boolean } {
  if (pool.spec.paused === true) return { word: "paused", bad: (pool.waiting ?? 0) > 0 };
  if ((pool.workers_online ?? 0) === 0)
    return (pool.waiting ?? 0) > 0
      ? { word: "no worker takes what waits", bad: true }
      : { word: "no worker", bad: false };
  return { word: "ready", bad: false };
}

/** The pools, those that need somebody first. */
export function PoolHealth() {
  const found = useQuery({
    queryKey: ["work-pools", "list"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/work_pools", { signal })),
    refetchInterval: () => pollWhileAway() || 15_000, // workers come and go without a run that changes
  });
  const pools = [...(found.data ?? [])].sort(
    (one, other) => Number(health(other).bad) - Number(health(one).bad),
  );
  return (
    <Card title="Work pools">
      <List
        empty={
          <>
            <p>No work pool yet. One is made, and served on this machine, with:</p>
            <Command text={"levada work-pool create main\nlevada worker start --pool main"} />
          </>
        }
        pending={found.isPending}
        problem={found.error}
        retry={() => void found.refetch()}
      >
        {pools.map((pool) => (
          <PoolRow key={pool.spec.name} pool={pool} />
        ))}
      </List>
    </Card>
  );
}

function PoolRow({ pool }: { pool: Pool }) {
  const { word, bad } = health(pool);
  const workers = pool.workers_online ?? 0;
  return (
    <li className="px-4 py-2 text-sm">
      <div className="flex items-center justify-between gap-2">
        <Link
          to="/work-pools/$pool"
          params={{ pool: pool.spec.name }}
          className="min-w-0 truncate font-medium hover:underline"
        >
          {pool.spec.name}
        </Link>
        <span className={classes("text-xs", bad ? "font-medium text-danger" : "text-ink-3")}>
          <span aria-hidden>{bad ? "! " : word === "ready" ? "✓ " : ""}</span>
          {word}
        </span>
      </div>
      <p className="text-xs text-ink-2">
        {workers} {workers === 1 ? "worker" : "workers"} · {pool.active ?? 0}
        {pool.spec.slots != null ? ` of ${pool.spec.slots}` : ""} taken · {pool.waiting ?? 0} waiting
      </p>
    </li>
  );
}
