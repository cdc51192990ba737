import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";

import { taskRun } from "@/api/taskRuns";
import { Facts, Tags } from "@/components/Facts";
import { Json } from "@/components/Json";
import { LogView } from "@/components/LogView";
import { Ago, At, Took } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { isFinal } from "@/lib/states";

const route = getRouteApi("/shell/task-runs/$task");

/** One task run: its states, its lines, and what it was called with. */
export function TaskRunPage() {
  const { task: id } = route.useParams();
  const found = useQuery(taskRun(id));
  const about = useMemo(() => ({ task_run_ids: [id] }), [id]);
  const task = found.data;
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
        <Card title="States">
          <ol className="px-4 py-3 text-sm">
            {(task.states ?? []).map((state, index) => (
              <li
                key={`${state.timestamp} ${index}`}
                className="flex flex-wrap gap-x-4 gap-y-1 border-l-2 border-line py-1.5 pl-4"
              >
                <StateBadge type={state.type} name={state.name} />
                <At at={state.timestamp} />
                <span className="min-w-0 break-words whitespace-pre-wrap text-ink-2">{state.message}</span>
              </li>
            ))}
          </ol>
        </Card>
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
