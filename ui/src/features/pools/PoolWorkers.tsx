import { useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";

import { useForgetWorker, type Worker, workers as workersQuery } from "@/api/pools";
import { Ago } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { PoolStatus } from "@/features/pools/PoolStatus";

export function PoolWorkers({ name }: { name: string }) {
  const workers = useQuery(workersQuery(name));
  return (
    <Card title="Workers">
      {workers.isPending && <Loading rows={2} />}
      {workers.error !== null && <Trouble problem={workers.error} retry={() => void workers.refetch()} />}
      {workers.data?.length === 0 && (
        <Empty title="No worker takes runs of this pool.">
          Start one with the command below, on any machine that reaches this server.
        </Empty>
      )}
      <ul>
        {workers.data?.map((worker) => (
          <li key={worker.id} className="border-b border-line last:border-0">
            <WorkerRow worker={worker} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function WorkerRow({ worker }: { worker: Worker }) {
  const forget = useForgetWorker(worker.pool, worker.id);
  const runs = worker.runs?.length ?? 0;
  const offline = worker.status === "offline";
  return (
    <div className="space-y-1 px-4 py-2.5 text-sm">
      <div className="flex items-center justify-between gap-2">
        <span className="min-w-0 truncate font-medium" title={worker.id}>
          {worker.name}
        </span>
        <span className="flex items-center gap-1">
          <PoolStatus status={worker.status} />
          {offline && (
            <Button
              look="ghost"
              size="icon"
              className="size-6"
              aria-label={`Forget the worker ${worker.name}`}
              disabled={forget.isPending}
              onClick={() => forget.mutate(undefined)}
            >
              <Trash2 size={13} />
            </Button>
          )}
        </span>
      </div>
      <p className="text-xs text-ink-3">
        {runs}
        {worker.limit != null && ` of ${worker.limit}`} {runs === 1 ? "run" : "runs"} · {worker.host}
        {worker.pid !== undefined && worker.pid > 0 && ` · pid ${worker.pid}`} · heard of{" "}
        <Ago at={worker.seen} />
      </p>
      {(worker.queues?.length ?? 0) > 0 && (
        <p className="text-xs text-ink-3">Only queues {worker.queues?.join(", ")}</p>
      )}
      {(worker.offer?.labels?.length ?? 0) > 0 && (
        <p className="text-xs text-ink-3">Labels {worker.offer?.labels?.join(", ")}</p>
      )}
    </div>
  );
}
