import { useInfiniteQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useMemo, useState } from "react";

import { taskRunList } from "@/api/taskRuns";
import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { clockTime } from "@/lib/time";

interface GoToProps {
  /** Flow runs whose task runs can be chosen. */
  runs: readonly string[];
  onGo: (time: string) => void;
  onClose: () => void;
}

/** A moment of a log to look at: by the clock, or by when a task run began. */
export function GoTo({ runs, onGo, onClose }: GoToProps) {
  const [time, setTime] = useState("");
  const [name, setName] = useState("");
  const query = useMemo(
    () => ({
      flow_run_ids: [...runs],
      limit: 30,
      ...(name.trim() === "" ? {} : { name_like: name.trim() }),
    }),
    [runs, name],
  );
  const found = useInfiniteQuery({ ...taskRunList(query), enabled: runs.length > 0 });
  const tasks = (found.data?.pages[0]?.items ?? []).filter((one) => one.start_time != null);
  const go = (moment: string): void => {
    onGo(moment);
    onClose();
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const moment = new Date(time);
    if (!Number.isNaN(moment.getTime())) go(moment.toISOString());
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Go to">
      <div className="space-y-4">
        <form onSubmit={submit} className="flex items-end gap-2">
          <div className="flex-1">
            <Field label="A time" hint={`Your time (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`}>
              {(ids) => (
                <Input
                  {...ids}
                  type="datetime-local"
                  step={1}
                  value={time}
                  onChange={(event) => setTime(event.target.value)}
                />
              )}
            </Field>
          </div>
          <Button type="submit" className="mb-5" disabled={time === ""}>
            Go
          </Button>
        </form>
        {runs.length > 0 && (
          <div className="space-y-1.5">
            <Field label="Or where a task run began">
              {(ids) => (
                <Input
                  {...ids}
                  type="search"
                  placeholder="Name contains …"
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
            {found.isPending && <Loading rows={3} />}
            {found.error !== null && <Trouble problem={found.error} />}
            <ul aria-label="Task runs" className="max-h-60 overflow-y-auto rounded-md border border-line">
              {tasks.map((one) => (
                <li key={one.id}>
                  <button
                    type="button"
                    className="flex w-full justify-between gap-3 px-3 py-1 text-left text-sm hover:bg-sunken"
                    onClick={() => one.start_time != null && go(one.start_time)}
                  >
                    <span className="min-w-0 truncate">{one.name}</span>
                    <span className="text-xs text-ink-3 tabular-nums">
                      {one.start_time != null && clockTime(new Date(one.start_time))}
                    </span>
                  </button>
                </li>
              ))}
              {!found.isPending && tasks.length === 0 && (
                <li className="px-3 py-2 text-sm text-ink-3">No task run that began is called so.</li>
              )}
            </ul>
          </div>
        )}
      </div>
    </Dialog>
  );
}
