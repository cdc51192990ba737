import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { type BulkAction, BULK_ACTIONS, bulkDone, bulkJob, useBulk, useCancelBulk } from "@/api/bulkJobs";
import { flowRunKeys, type FlowRunQuery } from "@/api/flowRuns";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Compare } from "@/features/runs/Compare";
import type { RunFilters } from "@/lib/filters";

interface BulkBarProps {
  filters: RunFilters;
  query: FlowRunQuery;
  chosen: string[];
  shown: number;
  onAll: (all: boolean) => void;
}

const WORDS: Record<BulkAction, { verb: string; does: string }> = {
  cancel: {
    verb: "Cancel",
    does: "Runs that have not ended are asked to stop, and killed after their grace period.",
  },
  retry: { verb: "Retry", does: "Runs that failed run again; what they had completed is reused." },
  delete: {
    verb: "Delete",
    does: "Runs that have ended are deleted with their task runs and logs. This cannot be undone.",
  },
};

/** What can be done with the chosen runs, or with all that the filters find. */
export function BulkBar({ query, chosen, shown, onAll }: BulkBarProps) {
  const [action, setAction] = useState<BulkAction | null>(null);
  const [comparing, setComparing] = useState(false);
  const some = chosen.length > 0;
  const about: FlowRunQuery = some ? { ids: chosen } : query;
  return (
    <div className="flex min-h-11 flex-wrap items-center gap-2 border-b border-line px-4 py-1.5 text-sm">
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          className="size-4 accent-[var(--accent)]"
          checked={some && chosen.length === shown}
          onChange={(event) => onAll(event.target.checked)}
          aria-label="Choose all that are shown"
        />
        <span className="text-ink-2">{some ? `${chosen.length} chosen` : `${shown} shown`}</span>
      </label>
      <span className="flex-1" />
      {chosen.length === 2 && (
        <Button size="small" onClick={() => setComparing(true)}>
          Compare
        </Button>
      )}
      {BULK_ACTIONS.map((one) => (
        <Button
          key={one}
          size="small"
          look={one === "delete" ? "ghost" : "secondary"}
          disabled={shown === 0}
          onClick={() => setAction(one)}
        >
          {WORDS[one].verb} {some ? "chosen" : "all …"}
        </Button>
      ))}
      {action !== null && <BulkDialog action={action} query={about} onClose={() => setAction(null)} />}
      {comparing && <Compare ids={chosen} onClose={() => setComparing(false)} />}
    </div>
  );
}

interface BulkDialogProps {
  action: BulkAction;
  query: FlowRunQuery;
  onClose: () => void;
}

/** First says how many runs it is about; then does it on the server, and shows how far it is. */
function BulkDialog({ action, query, onClose }: BulkDialogProps) {
  const queries = useQueryClient();
  const preview = useBulk();
  const start = useBulk();
  const cancel = useCancelBulk();
  const id = start.data?.id;
  const job = useQuery({ ...bulkJob(id ?? ""), enabled: id !== undefined });
  const { mutate } = preview;
  useEffect(() => mutate({ action, query, preview: true }), [mutate, action, query]);
  const state = job.data?.state ?? start.data?.state;
  const ended = bulkDone(state);
  useEffect(() => {
    if (ended) void queries.invalidateQueries({ queryKey: flowRunKeys.all });
  }, [ended, queries]);

  const total = job.data?.total ?? preview.data?.total;
  const done = job.data?.done ?? 0;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`${WORDS[action].verb} ${total === undefined ? "…" : total.toLocaleString()} ${total === 1 ? "run" : "runs"}`}
      description={WORDS[action].does}
      footer={
        id === undefined ? (
          <>
            <Button onClick={onClose}>Leave it</Button>
            <Button
              look={action === "delete" ? "danger" : "primary"}
              disabled={total === undefined || total === 0 || start.isPending}
              onClick={() => start.mutate({ action, query, preview: false })}
            >
              {WORDS[action].verb}
            </Button>
          </>
        ) : ended ? (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Let it go on</Button>
            <Button look="danger" disabled={cancel.isPending} onClick={() => cancel.mutate(id)}>
              Stop here
            </Button>
          </>
        )
      }
    >
      {preview.error !== null && <Trouble problem={preview.error} />}
      {start.error !== null && <Trouble problem={start.error} />}
      {cancel.error !== null && <Trouble problem={cancel.error} />}
      {total === 0 && <p className="text-sm">No run fits; nothing would be done.</p>}
      {id === undefined && total !== undefined && total > 0 && (
        <p className="text-sm text-ink-2">
          {total === 1 ? "One run is" : `${total.toLocaleString()} runs are`} gone through on the server, also
          when this page is closed. Those for which it makes no sense are left as they are.
        </p>
      )}
      {id !== undefined && (
        <div className="space-y-2 text-sm">
          <progress
            className="h-2 w-full accent-[var(--accent)]"
            value={done}
            max={Math.max(1, total ?? 1)}
            aria-label="Progress"
          />
          <p>
            {done.toLocaleString()} of {(total ?? 0).toLocaleString()} done
            {(job.data?.skipped ?? 0) > 0 &&
              `, ${(job.data?.skipped ?? 0).toLocaleString()} left as they were`}
            {ended && ` · ${state}`}
          </p>
          {job.data?.message != null && <p className="text-ink-2">{job.data.message}</p>}
        </div>
      )}
    </Dialog>
  );
}
