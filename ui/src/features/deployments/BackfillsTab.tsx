import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import { type Backfill, backfillList, isOver, useBackfillAction } from "@/api/backfills";
import type { Deployment } from "@/api/deployments";
import { Ago, At } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { BackfillDialog } from "@/features/deployments/BackfillDialog";
import { Confirm } from "@/components/Confirm";

/** Ranges of times gone by that were run again, and how far they are. */
export function BackfillsTab({ deployment }: { deployment: Deployment }) {
  const found = useQuery(backfillList(deployment.id));
  const [making, setMaking] = useState(false);
  const full = `${deployment.flow_name}/${deployment.name}`;
  return (
    <Card
      title="Backfills"
      aside={
        <Button size="small" onClick={() => setMaking(true)}>
          <Plus size={13} aria-hidden /> New backfill
        </Button>
      }
    >
      {found.isPending && <Loading rows={2} />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty
          title="No backfill yet."
          command={`levada backfill ${full} --from 2026-01-01 --to 2026-02-01 --dry-run`}
        >
          A backfill makes the runs of a range of times gone by: those that are missing, those that failed, or
          all.
        </Empty>
      )}
      <ul>
        {found.data?.map((one) => (
          <li key={one.id} className="border-b border-line last:border-0">
            <BackfillRow backfill={one} />
          </li>
        ))}
      </ul>
      {making && <BackfillDialog deployment={deployment} onClose={() => setMaking(false)} />}
    </Card>
  );
}

function BackfillRow({ backfill }: { backfill: Backfill }) {
  const [asking, setAsking] = useState(false);
  const act = useBackfillAction(backfill.id);
  const { spec, total, completed = 0, failed = 0, made = 0 } = backfill;
  return (
    <div className="space-y-2 px-4 py-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="flex flex-wrap items-center gap-x-2">
          <span className="font-medium">
            <At at={spec.start} /> – <At at={spec.end} />
          </span>
          <span className="rounded border border-line bg-sunken px-1.5 text-xs">{backfill.state}</span>
          <span className="text-xs text-ink-3">
            {spec.which ?? "missing"}
            {spec.schedule != null && ` · ${spec.schedule}`} · begun <Ago at={backfill.created} />
          </span>
        </p>
        {!isOver(backfill) && (
          <span className="flex gap-1.5">
            <Button
              size="small"
              disabled={act.isPending}
              onClick={() => act.mutate(backfill.state === "paused" ? "resume" : "pause")}
            >
              {backfill.state === "paused" ? "Go on" : "Pause"}
            </Button>
            <Button size="small" onClick={() => setAsking(true)}>
              Cancel …
            </Button>
          </span>
        )}
      </div>
      <Progress total={total} completed={completed} failed={failed} made={made} />
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Cancel this backfill?"
        text="No more of its runs are made, and those that go on are cancelled."
        action="Cancel the backfill"
        busy={act.isPending}
        problem={act.error}
        onConfirm={() => act.mutate("cancel", { onSuccess: () => setAsking(false) })}
      />
    </div>
  );
}

interface ProgressProps {
  total: number;
  completed: number;
  failed: number;
  made: number;
}

function Progress({ total, completed, failed, made }: ProgressProps) {
  const share = (count: number): string => `${total === 0 ? 0 : (100 * count) / total}%`;
  const open = Math.max(0, made - completed - failed);
  return (
    <div className="space-y-1">
      <div
        role="progressbar"
        aria-label="Runs that ended"
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={completed + failed}
        className="flex h-2 overflow-hidden rounded-full bg-sunken"
      >
        <div style={{ width: share(completed), background: "var(--state-completed)" }} />
        <div style={{ width: share(failed), background: "var(--state-failed)" }} />
        <div style={{ width: share(open), background: "var(--state-running)" }} />
      </div>
      <p className="text-xs text-ink-2 tabular-nums">
        {completed.toLocaleString()} completed, {failed.toLocaleString()} failed, {open.toLocaleString()}{" "}
        open, {Math.max(0, total - made).toLocaleString()} to come · {total.toLocaleString()} in all
      </p>
    </div>
  );
}
