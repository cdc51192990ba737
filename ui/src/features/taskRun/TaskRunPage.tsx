import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";

import { throttled, useStream } from "@/api/live";
import { type TaskRun, taskRun } from "@/api/taskRuns";
import { Facts, Tags } from "@/components/Facts";
import { Json } from "@/components/Json";
import { LogView } from "@/components/LogView";
import { Ago, Took } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { RunStates } from "@/features/run/RunStates";
import { isFinal } from "@/lib/states";

const route = getRouteApi("/shell/task-runs/$task");

/** One task run: its states, its lines, and what it was called with. */
export function TaskRunPage() {
  const { task: id } = route.useParams();
  const found = useQuery(taskRun(id));
  const about = useMemo(() => ({ task_run_ids: [id] }), [id]);
  const task = found.data;
  const queries = useQueryClient();
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: taskRun(id).queryKey }), 900),
    [queries, id],
  );
  useStream(
    task?.flow_run_id == null ? null : `/api/runs/stream?flow_run_id=${task.flow_run_id}&tasks=true`,
    ["task-run"],
    (_kind, value) => {
      const told = value as TaskRun;
      if (told.id !== id) return;
      queries.setQueryData(taskRun(id).queryKey, (before) =>
        before === undefined ? before : { ...before, ...told },
      );
      again();
    },
    again,
  );
  if (found.isPending) return <Loading rows={6} />;
  if (task === undefined) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  return (
    <>
      <PageHeader
        tab={task.name}
        crumbs={[
          { to: "/runs", text: "Runs" },
          ...(task.flow_run_id != null ? [{ to: `/runs/${task.flow_run_id}`, text: "Its flow run" }] : []),
        ]}
        title={
          <>
            {task.name}
            <StateBadge type={task.state_type} name={task.state_name} className="text-sm" />
          </>
        }
        actions={
          task.flow_run_id != null && (
            <Link
              to="/runs/$run"
              params={{ run: task.flow_run_id }}
              search={{ from: id }}
              className="inline-flex h-8 items-center gap-1.5 rounded-md border border-line bg-surface px-3 text-sm font-medium hover:bg-sunken"
            >
              Run again from here …
            </Link>
          )
        }
        below={
          <div className="flex flex-wrap gap-x-5 text-sm text-ink-2">
            <span>
              began <Ago at={task.start_time} />
            </span>
            <span>
              took <Took start={task.start_time} end={task.end_time} />
            </span>
            <Tags tags={task.tags} />
          </div>
        }
      />
      <div className="space-y-4">
        <RunStates states={task.states ?? []} />
        <Card title="Called with">
          <Json value={task.parameters ?? {}} />
        </Card>
        <Card title="Log">
          <LogView about={about} live={!isFinal(task.state_type)} />
        </Card>
        <Card title="Details">
          <Facts
            rows={[
              ["Id", task.id],
              ["Task", task.task_key],
              ["Attempts", task.run_count],
              ["Reused", task.reused === true ? "from an earlier run or attempt" : null],
              ["Cache key", task.cache_key],
              ["Code", task.code],
              [
                "Subflow run",
                task.child_flow_run_id == null ? null : (
                  <Link
                    key="child"
                    to="/runs/$run"
                    params={{ run: task.child_flow_run_id }}
                    className="underline"
                  >
                    {task.child_flow_run_id}
                  </Link>
                ),
              ],
            ]}
          />
        </Card>
      </div>
    </>
  );
}
