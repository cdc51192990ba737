import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";

import { poolList, type WorkPool } from "@/api/pools";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CreatePool } from "@/features/pools/CreatePool";
import { PoolStatus } from "@/features/pools/PoolStatus";
import { Slots } from "@/features/pools/Slots";

export function PoolsPage() {
  const pools = useQuery(poolList);
  const [making, setMaking] = useState(false);
  return (
    <>
      <PageHeader
        title="Work pools"
        tab="Work pools"
        actions={
          <Button look="primary" onClick={() => setMaking(true)}>
            <Plus size={15} aria-hidden /> New pool
          </Button>
        }
      />
      {pools.isPending && <Loading />}
      {pools.error !== null && <Trouble problem={pools.error} retry={() => void pools.refetch()} />}
      {pools.data?.length === 0 && (
        <Card>
          <Empty
            title="No work pool yet."
            command={"levada work-pool create main\nlevada worker start --pool main"}
          >
            Runs of deployments wait in a work pool until a worker takes them.
          </Empty>
        </Card>
      )}
      <ul className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
        {pools.data?.map((pool) => (
          <li key={pool.spec.name}>
            <PoolCard pool={pool} />
          </li>
        ))}
      </ul>
      <CreatePool open={making} onOpenChange={setMaking} />
    </>
  );
}

function PoolCard({ pool }: { pool: WorkPool }) {
  const online = pool.workers_online ?? 0;
  return (
    <Card
      title={
        <Link to="/work-pools/$pool" params={{ pool: pool.spec.name }} className="hover:underline">
          {pool.spec.name}
        </Link>
      }
      aside={<PoolStatus status={pool.status} />}
    >
      <div className="space-y-3 px-4 py-3 text-sm">
        {pool.spec.description != null && <p className="text-ink-2">{pool.spec.description}</p>}
        <Slots active={pool.active ?? 0} slots={pool.spec.slots} />
        <dl className="grid grid-cols-4 gap-2 text-xs">
          <Count name="Waiting" value={pool.waiting ?? 0} />
          <Count name="Running" value={pool.active ?? 0} />
          <Count name="Workers" value={online} warn={online === 0} />
          <Count name="Queues" value={pool.queues?.length ?? 0} />
        </dl>
      </div>
    </Card>
  );
}

function Count({ name, value, warn = false }: { name: string; value: number; warn?: boolean }) {
  return (
    <div>
      <dt className="text-ink-3">{name}</dt>
      <dd className={`text-base tabular-nums ${warn ? "text-danger" : ""}`}>{value.toLocaleString()}</dd>
    </div>
  );
}
