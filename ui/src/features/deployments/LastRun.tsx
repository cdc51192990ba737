import { Link } from "@tanstack/react-router";

import type { Deployment } from "@/api/deployments";
import { Ago } from "@/components/Moment";
import { StateBadge } from "@/components/StateBadge";
import { madeAt } from "@/features/deployments/madeAt";

/** The state of the run that a deployment made last, with the way to it. */
export function LastRun({ deployment }: { deployment: Deployment }) {
  const { last_run: run, last_state_type: type, last_state_name: name } = deployment;
  if (run == null) return <span className="text-xs text-ink-3">never ran</span>;
  return (
    <Link
      to="/runs/$run"
      params={{ run }}
      preload={false}
      title="The run that was made last"
      className="flex flex-col items-end gap-0.5 text-xs text-ink-2 hover:text-ink max-sm:flex-row max-sm:items-center max-sm:gap-2"
    >
      <StateBadge type={type} name={name ?? null} />
      <Ago at={madeAt(run)} />
    </Link>
  );
}
