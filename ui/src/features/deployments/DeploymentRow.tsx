import { Link } from "@tanstack/react-router";
import { Play } from "lucide-react";

import { type Deployment, useChangeDeployment } from "@/api/deployments";
import { Ago } from "@/components/Moment";
import { Button } from "@/components/ui/button";
import { Switch } from "@/components/ui/switch";
import { LastRun } from "@/features/deployments/LastRun";
import { ruleOf } from "@/features/deployments/timing";
import { PoolStatus } from "@/features/pools/PoolStatus";

interface DeploymentRowProps {
  deployment: Deployment;
  onRun: () => void;
  onTag: (tag: string) => void;
}

export function DeploymentRow({ deployment, onRun, onTag }: DeploymentRowProps) {
  const { spec } = deployment;
  const schedules = deployment.schedules ?? [];
  const next = schedules.flatMap((one) => (one.next == null ? [] : [one.next])).sort()[0];
  const change = useChangeDeployment(deployment.id);
  const paused = deployment.paused === true;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5 px-4 py-2.5 hover:bg-sunken/60">
      <div className="min-w-48 flex-1 max-sm:basis-full">
        <Link
          to="/deployments/$deployment"
          params={{ deployment: deployment.id }}
          className="block truncate font-medium hover:underline"
        >
          <span className="font-normal text-ink-2">{deployment.flow_name}</span>
          <span className="text-ink-3"> / </span>
          {deployment.name}
        </Link>
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-ink-3">
          {spec.pool == null ? (
            "served by its process"
          ) : (
            <Link
              to="/work-pools/$pool"
              params={{ pool: spec.pool }}
              className="hover:text-ink hover:underline"
            >
              {spec.pool}
            </Link>
          )}
          <PoolStatus status={paused ? "paused" : deployment.status} />
          {spec.tags?.map((tag) => (
            <button
              key={tag}
              type="button"
              onClick={() => onTag(tag)}
              aria-label={`Only with the tag ${tag}`}
              className="rounded border border-line bg-sunken px-1.5 text-ink-2 hover:border-ink-3"
            >
              {tag}
            </button>
          ))}
        </p>
      </div>
      <div className="w-44 min-w-0 text-xs text-ink-2 max-lg:hidden">
        {schedules.length === 0 ? (
          <span className="text-ink-3">no schedule</span>
        ) : (
          <>
            <p
              className="truncate font-mono"
              title={schedules.map((one) => ruleOf(one.spec.timing)).join("; ")}
            >
              {schedules.length === 1
                ? ruleOf((schedules[0] as (typeof schedules)[number]).spec.timing)
                : `${schedules.length} schedules`}
            </p>
            <p className="text-ink-3">
              {paused ? "paused" : next === undefined ? "no next time" : <Ago at={next} />}
            </p>
          </>
        )}
      </div>
      <div className="flex w-40 justify-end max-sm:mr-auto max-sm:w-auto">
        <LastRun deployment={deployment} />
      </div>
      {schedules.length > 0 ? (
        <Switch
          checked={!paused}
          disabled={change.isPending}
          label={`Schedules of ${deployment.flow_name} / ${deployment.name}`}
          onChange={(on) => change.mutate({ paused: !on })}
        />
      ) : (
        <span className="w-9 max-sm:hidden" />
      )}
      <Button size="small" onClick={onRun} aria-label={`Run ${deployment.flow_name} / ${deployment.name}`}>
        <Play size={13} aria-hidden /> Run
      </Button>
    </div>
  );
}
