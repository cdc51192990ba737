import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { type TaskRun, taskRunList, type TaskRunQuery } from "@/api/taskRuns";
import { Took } from "@/components/Moment";
import { Empty } from "@/components/Notices";
import { Rows } from "@/components/Rows";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { Input, Select } from "@/components/ui/input";
import { isStateType, STATE_TYPES, stateWord } from "@/lib/states";

/** The task runs of a flow run. */
export function TaskRuns({ run }: { run: string }) {
  const [name, setName] = useState("");
  const [state, setState] = useState("");
  const query = useMemo<TaskRunQuery>(
    () => ({
      flow_run_ids: [run],
      ...(name !== "" ? { name_like: name } : {}),
      ...(isStateType(state) ? { state_types: [state] } : {}),
    }),
    [run, name, state],
  );
  const found = useInfiniteQuery(taskRunList(query));
  const items = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  return (
    <Card
      title="Task runs"
      aside={
        <div className="flex gap-2">
          <Input
            type="search"
            placeholder="Name contains …"
            aria-label="Name contains"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <Select aria-label="State" value={state} onChange={(event) => setState(event.target.value)}>
            <option value="">All states</option>
            {STATE_TYPES.map((one) => (
              <option key={one} value={one}>
                {stateWord(one)}
              </option>
            ))}
          </Select>
        </div>
      }
    >
      <Rows
        items={items}
        keyOf={(task) => task.id}
        label="Task runs"
        height={38}
        pending={found.isPending}
        problem={found.error}
        retry={() => void found.refetch()}
        more={{
          has: found.hasNextPage,
          busy: found.isFetchingNextPage,
          load: () => void found.fetchNextPage(),
        }}
        row={(task) => <TaskRow task={task} />}
        empty={<Empty title="No task runs here.">Calls of functions that have @task are listed here.</Empty>}
      />
    </Card>
  );
}

function TaskRow({ task }: { task: TaskRun }) {
  const message = task.states?.at(-1)?.message;
  return (
    <div className="flex items-center gap-3 px-4 py-2 hover:bg-sunken/60">
      <Link to="/task-runs/$task" params={{ task: task.id }} className="min-w-0 truncate hover:underline">
        {task.name}
      </Link>
      <StateBadge type={task.state_type} name={task.state_name} />
      {(task.run_count ?? 0) > 1 && <span className="text-xs text-ink-3">attempt {task.run_count}</span>}
      <span className="min-w-0 flex-1 truncate text-xs text-ink-3">{message}</span>
      <span className="shrink-0 text-xs text-ink-2">
        <Took start={task.start_time} end={task.end_time} />
      </span>
    </div>
  );
}
