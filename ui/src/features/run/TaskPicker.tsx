import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useMemo, useState } from "react";

import { taskRun, taskRunList } from "@/api/taskRuns";
import { Loading, Trouble } from "@/components/Notices";
import { StateBadge } from "@/components/StateBadge";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A task by its key as people say it: without the file in which it is. */
export function taskName(key: string): string {
  return (key.split("/").at(-1)?.split(".").at(-1) ?? key).replace(/^flow:/, "");
}

interface TaskPickerProps {
  run: string;
  /** The key of a task, or the id of a task run; null while none is chosen. */
  value: string | null;
  onChange: (value: string | null) => void;
}

/** Where a run is to be run again from: all runs of a task, or one. */
export function TaskPicker({ run, value, onChange }: TaskPickerProps) {
  const [text, setText] = useState("");
  const query = useMemo(
    () => ({ flow_run_ids: [run], limit: 50, ...(text.trim() === "" ? {} : { name_like: text.trim() }) }),
    [run, text],
  );
  const found = useInfiniteQuery(taskRunList(query));
  const tasks = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  // A task that ran once is its one run.
  const all = tasks.map((one) => one.task_key);
  const keys = [...new Set(all.filter((key, index) => all.indexOf(key) !== index))];
  if (value !== null) return <Chosen value={value} onClear={() => onChange(null)} />;
  return (
    <div className="space-y-1.5">
      <Input
        type="search"
        value={text}
        placeholder="Name of the task run contains …"
        aria-label="Search the task runs"
        onChange={(event) => setText(event.target.value)}
      />
      <div className="max-h-52 overflow-y-auto rounded-md border border-line">
        {found.isPending && <Loading rows={3} />}
        {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
        {!found.isPending && found.error === null && tasks.length === 0 && (
          <p className="px-3 py-2 text-sm text-ink-3">
            {text === "" ? "The run has no task runs." : "No task run is called so."}
          </p>
        )}
        <ul aria-label="Tasks to start from" className="text-sm">
          {keys.map((key) => (
            <li key={key}>
              <button
                type="button"
                className="flex w-full justify-between gap-3 px-3 py-1.5 text-left hover:bg-sunken"
                onClick={() => onChange(key)}
              >
                <span className="font-medium">{taskName(key)}</span>
                <span className="text-xs text-ink-3">every run of it</span>
              </button>
            </li>
          ))}
          {tasks.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                className="flex w-full items-center justify-between gap-3 px-3 py-1 text-left hover:bg-sunken"
                onClick={() => onChange(one.id)}
              >
                <span className="min-w-0 truncate pl-3">{one.name}</span>
                <StateBadge type={one.state_type} name={one.state_name} className="text-xs" />
              </button>
            </li>
          ))}
        </ul>
        {found.hasNextPage && (
          <Button
            size="small"
            look="ghost"
            className="w-full"
            disabled={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            More
          </Button>
        )}
      </div>
    </div>
  );
}

function Chosen({ value, onClear }: { value: string; onClear: () => void }) {
  const one = useQuery({ ...taskRun(value), enabled: ID.test(value) });
  return (
    <div className="flex items-center justify-between gap-2 rounded-md border border-accent bg-accent-soft px-3 py-1 text-sm">
      <span className="min-w-0 truncate">
        {ID.test(value) ? (
          (one.data?.name ?? value)
        ) : (
          <>
            {taskName(value)} <span className="text-ink-2">(every run of it)</span>
          </>
        )}
      </span>
      <Button size="icon" look="ghost" className="size-6" aria-label="Choose another task" onClick={onClear}>
        <X size={14} />
      </Button>
    </div>
  );
}
