import { CircleHelp, Play, Recycle } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link } from "@tanstack/react-router";

import { PLANNED, type PlannedCall, type RerunPlan } from "@/api/flowRunActions";
import { Command } from "@/components/Copy";
import { classes } from "@/lib/classes";

const FATES = ["execute", "reuse", "unknown"] as const;
type Fate = (typeof FATES)[number];

const LOOKS: Record<Fate, { title: string; icon: ReactNode; colour: string }> = {
  execute: { title: "Executed again", icon: <Play size={14} aria-hidden />, colour: "var(--state-running)" },
  reuse: { title: "Reused", icon: <Recycle size={14} aria-hidden />, colour: "var(--state-completed)" },
  unknown: { title: "Unknown", icon: <CircleHelp size={14} aria-hidden />, colour: "var(--state-late)" },
};

/** What running a run again would do, before it is done. */
export function PlanView({ plan }: { plan: RerunPlan }) {
  const [open, setOpen] = useState<Fate | null>(null);
  const counts = plan.counts ?? {};
  const total = FATES.reduce((sum, fate) => sum + (counts[fate] ?? 0), 0);
  return (
    <section aria-label="Plan" className="space-y-2">
      <div className="grid grid-cols-3 gap-2">
        {FATES.map((fate) => {
          const { title, icon, colour } = LOOKS[fate];
          const count = counts[fate] ?? 0;
          return (
            <button
              key={fate}
              type="button"
              disabled={count === 0}
              aria-expanded={open === fate}
              onClick={() => setOpen(open === fate ? null : fate)}
              className={classes(
                "rounded-lg border px-3 py-2 text-left enabled:hover:bg-sunken",
                open === fate ? "border-accent bg-accent-soft" : "border-line",
              )}
            >
              <span className="flex items-center gap-1.5 text-xs text-ink-2">
                <span style={{ color: colour }}>{icon}</span>
                {title}
              </span>
              <span className="text-lg font-semibold tabular-nums">{count.toLocaleString()}</span>
            </button>
          );
        })}
      </div>
      <ul className="space-y-0.5 text-xs text-ink-2">
        {(plan.reasons ?? []).slice(0, 8).map((one) => (
          <li key={`${one.fate} ${one.reason}`} className="flex gap-2">
            <span className="w-12 shrink-0 text-right tabular-nums">{one.count.toLocaleString()}</span>
            <span>
              {LOOKS[one.fate as Fate].title.toLowerCase()}: {one.reason}
            </span>
          </li>
        ))}
        <li className="flex gap-2">
          <span className="w-12 shrink-0 text-right">+</span>
          <span>
            {total === 0
              ? "Nothing was recorded: all of it is executed."
              : "What was never called before is executed."}
          </span>
        </li>
      </ul>
      {open !== null && (
        <Calls calls={(plan.calls ?? []).filter((one) => one.fate === open)} all={counts[open] ?? 0} />
      )}
    </section>
  );
}

function Calls({ calls, all }: { calls: PlannedCall[]; all: number }) {
  return (
    <div
      className="max-h-48 overflow-y-auto rounded-md border border-line"
      // A box that scrolls must be reachable by keyboard.
      tabIndex={0}
      role="region"
      aria-label="Calls"
    >
      <ul className="divide-y divide-line text-sm">
        {calls.map((one) => (
          <li key={one.task_run_id} className="flex flex-wrap justify-between gap-x-3 px-3 py-1">
            <Link
              to="/task-runs/$task"
              params={{ task: one.task_run_id }}
              className="min-w-0 truncate hover:underline"
            >
              {one.name}
            </Link>
            <span className="text-xs text-ink-3">{one.reason}</span>
          </li>
        ))}
        {all > calls.length && (
          <li className="px-3 py-1 text-xs text-ink-3">
            … and {(all - calls.length).toLocaleString()} more; the first {PLANNED} are listed.
          </li>
        )}
      </ul>
    </div>
  );
}

/** Why it cannot be done, and what can be. */
export function Obstacle({ plan }: { plan: RerunPlan }) {
  if (plan.obstacle == null) return null;
  return (
    <div role="alert" className="space-y-2 rounded-md border border-danger/40 bg-danger/5 px-3 py-2 text-sm">
      <p>{plan.obstacle}</p>
      {(plan.next_steps ?? []).map((step) => (
        <Command key={step} text={step} />
      ))}
    </div>
  );
}
