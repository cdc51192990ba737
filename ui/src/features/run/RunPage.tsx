import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo } from "react";

import { type FlowRun, flowRun, flowRunKeys, flowRunWhy, taskStateCounts } from "@/api/flowRuns";
import { useStream } from "@/api/live";
import { Command, CopyButton } from "@/components/Copy";
import { Facts, Tags } from "@/components/Facts";
import { Json } from "@/components/Json";
import { LogView } from "@/components/LogView";
import { Ago, At, Took } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { TabPanel, Tabs } from "@/components/ui/tabs";
import { Actions } from "@/features/run/Actions";
import { EventList } from "@/features/run/EventList";
import { RunArtifacts } from "@/features/run/RunArtifacts";
import { RunStates } from "@/features/run/RunStates";
import { Subflows } from "@/features/run/Subflows";
import { TaskRuns } from "@/features/run/TaskRuns";
import { Timeline } from "@/features/run/Timeline";
import { Counts } from "@/features/runs/History";
import { oneAtATime } from "@/lib/oneAtATime";
import { isFinal } from "@/lib/states";

const route = getRouteApi("/shell/runs/$run");

/** The picture comes when it is looked at: the rest of the page does not wait for it. */
const GraphTab = lazy(() => import("@/features/run/GraphTab").then((part) => ({ default: part.GraphTab })));

const TABS = [
  { value: "graph", label: "Graph" },
  { value: "timeline", label: "Timeline" },
  { value: "logs", label: "Logs" },
  { value: "tasks", label: "Task runs" },
  { value: "subflows", label: "Subflows" },
  { value: "artifacts", label: "Artifacts" },
  { value: "parameters", label: "Parameters" },
  { value: "details", label: "Details" },
  { value: "events", label: "Events" },
];

/** One flow run, as it goes on. */
export function RunPage() {
  const { run: name } = route.useParams();
  const { tab = "graph", from } = route.useSearch();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const found = useQuery(flowRun(name));
  const run = found.data;
  const id = run?.id;
  const again = useMemo(
    () =>
      oneAtATime(
        () =>
          Promise.all(
            // The page may have been opened by the name of the run; its parts are asked for by its id.
            [flowRunKeys.one(name), flowRunKeys.one(id ?? name), ["task-runs"], ["graph", id ?? name]].map(
              (queryKey) => queries.invalidateQueries({ queryKey }),
            ),
          ),
        900,
      ),
    [queries, name, id],
  );
  useEffect(() => again.cancel, [again]);
  const ended = isFinal(run?.state_type);
  // One stream for the view: the run, and its task runs while it goes on.
  useStream(
    run === undefined ? null : `/api/runs/stream?flow_run_id=${run.id}${ended ? "" : "&tasks=true"}`,
    ["flow-run", "task-run"],
    (kind, value) => {
      // What the stream says of the run itself is shown at once; the rest is asked for soon.
      const told = value as FlowRun;
      if (kind === "flow-run" && told.id === run?.id)
        queries.setQueryData(flowRun(name).queryKey, (before) =>
          before === undefined ? before : { ...before, ...told },
        );
      again();
    },
    again,
  );
  const about = useMemo(() => ({ flow_run_ids: run === undefined ? [] : [run.id] }), [run?.id]); // eslint-disable-line react-hooks/exhaustive-deps

  if (found.isPending) return <Loading rows={8} />;
  if (found.error !== null && run === undefined)
    return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  if (run === undefined) return null;
  return (
    <>
      <PageHeader
        tab={`${run.flow_name} / ${run.name}`}
        crumbs={[
          { to: "/runs", text: "Runs" },
          ...(run.parent_flow_run_id != null
            ? [{ to: `/runs/${run.parent_flow_run_id}`, text: "Parent run" }]
            : []),
        ]}
        title={
          <>
            <span className="font-normal text-ink-2">{run.flow_name}</span>
            <span aria-hidden className="text-ink-3">
              /
            </span>
            {run.name}
            <StateBadge type={run.state_type} name={run.state_name} className="text-sm" />
          </>
        }
        actions={
          <Actions
            run={run}
            from={from}
            onFrom={(task) =>
              void navigate({ search: { tab, ...(task === undefined ? {} : { from: task }) } })
            }
          />
        }
        below={
          <div className="flex flex-wrap items-center gap-x-5 gap-y-1 text-sm text-ink-2">
            <span>
              began <Ago at={run.start_time ?? run.expected_start_time} />
            </span>
            <span>
              {ended ? "took" : "for"} <Took start={run.start_time} end={run.end_time} />
            </span>
            {run.deployment_id != null && (
              <Link
                to="/deployments/$deployment"
                params={{ deployment: run.deployment_id }}
                className="hover:underline"
              >
                deployment, version {run.deployment_version ?? "–"}
              </Link>
            )}
            {run.work_pool_name != null && (
              <Link to="/work-pools/$pool" params={{ pool: run.work_pool_name }} className="hover:underline">
                {run.work_pool_name} / {run.work_queue_name}
              </Link>
            )}
            <Tags tags={run.tags} />
          </div>
        }
      />
      <div className="space-y-4">
        {run.state_type !== "RUNNING" && run.state_type !== "COMPLETED" && run.state_type !== "CANCELLED" && (
          <Why id={run.id} state={`${run.state_type ?? ""} ${run.state_name ?? ""}`} />
        )}
        <TaskCounts id={run.id} />
        <Tabs
          tabs={TABS}
          value={tab}
          label="Parts of the run"
          onChange={(value) => void navigate({ search: { tab: value } })}
        >
          <TabPanel value="graph">
            <Suspense fallback={<Loading rows={8} />}>
              <GraphTab run={run} />
            </Suspense>
          </TabPanel>
          <TabPanel value="timeline">
            <Timeline run={run} />
          </TabPanel>
          <TabPanel value="logs">
            <Card>
              <LogView about={about} live={!ended} download={`/api/flow_runs/${run.id}/logs/download`} />
            </Card>
          </TabPanel>
          <TabPanel value="tasks">
            <TaskRuns run={run.id} />
          </TabPanel>
          <TabPanel value="subflows">
            <Subflows run={run.id} />
          </TabPanel>
          <TabPanel value="artifacts">
            <RunArtifacts run={run.id} />
          </TabPanel>
          <TabPanel value="parameters">
            <Card title="Parameters">
              {Object.keys(run.parameters ?? {}).length === 0 ? (
                <Empty title="It was called without parameters." />
              ) : (
                <Json value={run.parameters} />
              )}
            </Card>
            {Object.keys(run.job_variables ?? {}).length > 0 && (
              <Card title="Job variables" className="mt-4">
                <Json value={run.job_variables} />
              </Card>
            )}
          </TabPanel>
          <TabPanel value="details">
            <Card title="Details">
              <Facts
                rows={[
                  ["Id", <Copied key="id" text={run.id} />],
                  ["Made", <At key="made" at={run.created} />],
                  ["Made by", run.created_by],
                  ["Due", <At key="due" at={run.expected_start_time} />],
                  ["Began", <At key="began" at={run.start_time} />],
                  ["Ended", <At key="ended" at={run.end_time} />],
                  ["Times run", run.run_count],
                  ["Epoch", run.epoch],
                  ["Flow version", run.flow_version],
                  ["Entrypoint", run.entrypoint],
                  ["Code", run.code],
                  ["Priority", run.priority],
                  ["Data interval", run.data_interval?.join(" – ")],
                  ["Host", run.host],
                  ["Process", run.pid],
                  ["Levada", run.levada_version],
                  [
                    "Forked from",
                    run.forked_from == null ? null : <RunLink key="fork" id={run.forked_from} />,
                  ],
                  ["Labels", Object.keys(run.labels ?? {}).length > 0 ? JSON.stringify(run.labels) : null],
                ]}
              />
            </Card>
            <div className="mt-4">
              <RunStates states={run.states ?? []} />
            </div>
          </TabPanel>
          <TabPanel value="events">
            <EventList run={run.id} />
          </TabPanel>
        </Tabs>
      </div>
    </>
  );
}

function RunLink({ id }: { id: string }) {
  return (
    <Link to="/runs/$run" params={{ run: id }} className="underline">
      {id}
    </Link>
  );
}

function Copied({ text }: { text: string }) {
  return (
    <span className="inline-flex items-center gap-1 font-mono text-xs">
      {text}
      <CopyButton text={text} label="Copy the id" />
    </span>
  );
}

/** What the run waits for, or why it ended as it did, and what can be done. */
function Why({ id, state }: { id: string; state: string }) {
  const found = useQuery(flowRunWhy(id, state));
  if (found.data === undefined) return null;
  const { summary, reasons = [], next_steps = [] } = found.data;
  return (
    <Card title="Why">
      <div className="space-y-2 px-4 py-3 text-sm">
        <p className="font-medium">{summary}</p>
        {reasons.length > 0 && (
          <ul className="list-disc space-y-1 pl-5 text-ink-2">
            {reasons.map((reason) => (
              <li key={reason} className="break-words whitespace-pre-wrap">
                {reason}
              </li>
            ))}
          </ul>
        )}
        {next_steps.length > 0 && (
          <ul className="max-w-2xl space-y-1">
            {next_steps.map((step) => (
              <li key={step}>{step.startsWith("levada ") ? <Command text={step} /> : `→ ${step}`}</li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}

function TaskCounts({ id }: { id: string }) {
  const found = useQuery(taskStateCounts(id));
  const navigate = route.useNavigate();
  const counts = found.data ?? {};
  if (Object.keys(counts).length === 0) return null;
  return (
    <div className="flex flex-wrap items-center gap-3 text-sm text-ink-2">
      Task runs
      <Counts counts={counts} chosen={[]} onToggle={() => void navigate({ search: { tab: "tasks" } })} />
    </div>
  );
}
