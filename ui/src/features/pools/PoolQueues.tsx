import { Pencil, Plus } from "lucide-react";
import { useState } from "react";

import { useChangeQueue, type WorkPool, type WorkQueue } from "@/api/pools";
import { Empty } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EditQueue } from "@/features/pools/EditQueue";
import { PoolStatus } from "@/features/pools/PoolStatus";

/** The queues of a pool, those that are served first at the top. */
export function PoolQueues({ pool }: { pool: WorkPool }) {
  const [making, setMaking] = useState(false);
  const queues = (pool.queues ?? []).toSorted(
    (a, b) => (a.spec.priority ?? 1) - (b.spec.priority ?? 1) || a.spec.name.localeCompare(b.spec.name),
  );
  return (
    <Card
      title="Queues"
      aside={
        <Button size="small" onClick={() => setMaking(true)}>
          <Plus size={13} aria-hidden /> New queue
        </Button>
      }
    >
      {queues.length === 0 ? (
        <Empty
          title="This pool has no queue yet."
          command={`levada work-queue create urgent --pool ${pool.spec.name} --priority 1`}
        >
          The default queue is made with the first run that waits. More queues let some runs go first.
        </Empty>
      ) : (
        <div className="relative overflow-x-auto">
          <table className="w-full text-sm">
            <thead className="text-left text-xs text-ink-3">
              <tr className="border-b border-line [&_th]:px-4 [&_th]:py-2 [&_th]:font-normal">
                <th scope="col">Queue</th>
                <th scope="col">Priority</th>
                <th scope="col">Waiting</th>
                <th scope="col">Running</th>
                <th scope="col">
                  <span className="sr-only">To do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {queues.map((queue) => (
                <QueueRow
                  key={queue.spec.name}
                  queue={queue}
                  isDefault={queue.spec.name === (pool.spec.default_queue ?? "default")}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {making && <EditQueue pool={pool.spec.name} queue={null} onClose={() => setMaking(false)} />}
    </Card>
  );
}

function QueueRow({ queue, isDefault }: { queue: WorkQueue; isDefault: boolean }) {
  const { spec } = queue;
  const [editing, setEditing] = useState(false);
  const change = useChangeQueue(queue.pool, spec.name);
  const paused = spec.paused === true;
  return (
    <tr className="border-b border-line last:border-0 [&_td]:px-4 [&_td]:py-2">
      <td>
        <span className="font-medium">{spec.name}</span>
        {isDefault && <span className="ml-2 text-xs text-ink-3">default</span>}
        {paused && (
          <span className="ml-2">
            <PoolStatus status="paused" />
          </span>
        )}
        {spec.description != null && <p className="text-xs text-ink-3">{spec.description}</p>}
      </td>
      <td className="tabular-nums">{spec.priority ?? 1}</td>
      <td className="tabular-nums">{(queue.waiting ?? 0).toLocaleString()}</td>
      <td className="whitespace-nowrap tabular-nums">
        {(queue.active ?? 0).toLocaleString()}
        {spec.slots != null && <span className="text-ink-3"> of {spec.slots.toLocaleString()}</span>}
      </td>
      <td className="text-right whitespace-nowrap">
        <Button
          size="small"
          look="ghost"
          disabled={change.isPending}
          onClick={() => change.mutate({ paused: !paused })}
        >
          {paused ? "Go on" : "Pause"}
        </Button>
        <Button
          size="icon"
          look="ghost"
          className="size-7"
          aria-label={`Edit the queue ${spec.name}`}
          onClick={() => setEditing(true)}
        >
          <Pencil size={13} />
        </Button>
        {editing && <EditQueue pool={queue.pool} queue={queue} onClose={() => setEditing(false)} />}
      </td>
    </tr>
  );
}
