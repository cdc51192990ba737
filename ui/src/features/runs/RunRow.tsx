import { Link } from "@tanstack/react-router";

import type { FlowRun } from "@/api/flowRuns";
import { Tags } from "@/components/Facts";
import { Ago, Took } from "@/components/Moment";
import { StateBadge } from "@/components/StateBadge";

interface RunRowProps {
  run: FlowRun;
  chosen?: boolean;
  onChoose?: (chosen: boolean) => void;
}

/** With what every message of an exception begins, which says nothing that the state does not say. */
const COMMONPLACE = /^(Flow|Task) run encountered an exception: /;

/** A flow run in a list: what it is, how it is, and why it failed. */
export function RunRow({ run, chosen, onChoose }: RunRowProps) {
  const message = run.states?.at(-1)?.message;
  const bad = run.state_type === "FAILED" || run.state_type === "CRASHED";
  return (
    <div className="flex items-start gap-3 px-4 py-2.5 hover:bg-sunken/60">
      {onChoose !== undefined && (
        <input
          type="checkbox"
          className="mt-1 size-4 accent-[var(--accent)]"
          checked={chosen ?? false}
          onChange={(event) => onChoose(event.target.checked)}
          aria-label={`Choose ${run.flow_name} ${run.name}`}
        />
      )}
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <Link
            to="/runs/$run"
            params={{ run: run.id }}
            className="min-w-0 truncate font-medium hover:underline"
            preload={false}
          >
            <span className="font-normal text-ink-2">{run.flow_name}</span>
            <span className="text-ink-3"> / </span>
            {run.name}
          </Link>
          <StateBadge type={run.state_type} name={run.state_name} />
          <Tags tags={run.tags} />
        </div>
        {message != null && message !== "" && (
          <p className={`mt-0.5 truncate text-xs ${bad ? "text-danger" : "text-ink-3"}`} title={message}>
            {message.replace(COMMONPLACE, "")}
          </p>
        )}
      </div>
      <div className="flex shrink-0 flex-col items-end text-xs text-ink-2 sm:flex-row sm:items-center sm:gap-6">
        {run.work_pool_name != null && (
          <span className="hidden text-ink-3 lg:inline">{run.work_pool_name}</span>
        )}
        <span className="sm:w-20 sm:text-right">
          <Took start={run.start_time} end={run.end_time} />
        </span>
        <span className="sm:w-24 sm:text-right">
          <Ago at={run.start_time ?? run.expected_start_time} />
        </span>
      </div>
    </div>
  );
}
