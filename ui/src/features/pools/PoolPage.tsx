import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { EllipsisVertical } from "lucide-react";
import { useState } from "react";

import { pool as poolQuery, useChangePool, useDeletePool, type WorkPool } from "@/api/pools";
import { Command } from "@/components/Copy";
import { Facts } from "@/components/Facts";
import { Json } from "@/components/Json";
import { Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Menu, MenuItem, MenuLine } from "@/components/ui/menu";
import { Confirm } from "@/components/Confirm";
import { EditPool } from "@/features/pools/EditPool";
import { Holders } from "@/features/pools/Holders";
import { PoolDeployments } from "@/features/pools/PoolDeployments";
import { PoolQueues } from "@/features/pools/PoolQueues";
import { PoolStatus } from "@/features/pools/PoolStatus";
import { PoolWorkers } from "@/features/pools/PoolWorkers";
import { Slots } from "@/features/pools/Slots";
import { WaitingRuns } from "@/features/pools/WaitingRuns";

const route = getRouteApi("/shell/work-pools/$pool");

export function PoolPage() {
  const { pool: name } = route.useParams();
  const found = useQuery(poolQuery(name));
  if (found.data === undefined) {
    return found.error === null ? (
      <Loading rows={6} />
    ) : (
      <Trouble problem={found.error} retry={() => void found.refetch()} />
    );
  }
  const pool = found.data;
  return (
    <>
      <PageHeader
        title={
          <>
            {name} <PoolStatus status={pool.status} />
          </>
        }
        tab={name}
        crumbs={[{ to: "/work-pools", text: "Work pools" }]}
        actions={<PoolActions pool={pool} />}
        below={pool.spec.description != null && <p className="text-sm text-ink-2">{pool.spec.description}</p>}
      />
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-4">
          <PoolQueues pool={pool} />
          <WaitingRuns pool={pool} />
          <PoolDeployments name={name} />
        </div>
        <div className="min-w-0 space-y-4">
          <Card title="Slots">
            <div className="px-4 py-3">
              <Slots active={pool.active ?? 0} slots={pool.spec.slots} />
            </div>
            <Holders pool={name} active={pool.active ?? 0} />
          </Card>
          <PoolWorkers name={name} />
          <Card title="Start a worker">
            <div className="p-3">
              <Command text={`levada worker start --pool ${name}`} />
            </div>
          </Card>
          <Card title="How it is set up">
            <Facts
              rows={[
                ["Kind", pool.spec.kind ?? "process"],
                ["Launcher", pool.spec.launcher ?? "process"],
                ["Default queue", pool.spec.default_queue ?? "default"],
                ["Grace", `${pool.spec.cancel_grace ?? 30} s from cancel to kill`],
              ]}
            />
            {pool.spec.base_job_template != null && (
              <details className="border-t border-line px-4 py-2 text-sm">
                <summary className="cursor-pointer">Base job template</summary>
                <Json value={pool.spec.base_job_template} />
              </details>
            )}
          </Card>
        </div>
      </div>
    </>
  );
}

function PoolActions({ pool }: { pool: WorkPool }) {
  const name = pool.spec.name;
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const change = useChangePool(name);
  const remove = useDeletePool(name);
  const navigate = useNavigate();
  const paused = pool.spec.paused === true;
  return (
    <>
      <Button disabled={change.isPending} onClick={() => change.mutate({ paused: !paused })}>
        {paused ? "Go on" : "Pause"}
      </Button>
      <Menu
        trigger={
          <Button size="icon" aria-label="More to do with this pool">
            <EllipsisVertical size={16} />
          </Button>
        }
      >
        <MenuItem onSelect={() => setEditing(true)}>Edit …</MenuItem>
        <MenuLine />
        <MenuItem danger onSelect={() => setDeleting(true)}>
          Delete …
        </MenuItem>
      </Menu>
      {editing && <EditPool pool={pool} onClose={() => setEditing(false)} />}
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete the pool ${name}?`}
        text="Its queues go with it. Runs that wait in it and deployments that name it will find no pool."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => void navigate({ to: "/work-pools" }) })}
      />
    </>
  );
}
