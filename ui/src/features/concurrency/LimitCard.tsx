import { Link } from "@tanstack/react-router";
import { Pencil, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";

import { type Holder, type Limit, useLimitAction, type Waiter } from "@/api/limits";
import { Ago } from "@/components/Moment";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Switch } from "@/components/ui/switch";
import { kindOf, occupancyOf } from "@/features/concurrency/occupancy";
import { Confirm } from "@/components/Confirm";
import { classes } from "@/lib/classes";

const SHOWN = 20;

export function LimitCard({ limit, onEdit }: { limit: Limit; onEdit: () => void }) {
  const [sure, setSure] = useState<"reset" | "delete" | null>(null);
  const act = useLimitAction();
  const toggle = useLimitAction();
  const { taken, slots, share, over } = occupancyOf(limit);
  const active = limit.active ?? true;
  const decay = limit.slot_decay_per_second ?? 0;
  const waiting = limit.waiting ?? 0;
  const holders = limit.holders ?? [];
  const waiters = limit.waiters ?? [];
  return (
    <Card
      title={<span className="break-all">{limit.name}</span>}
      aside={
        <span className="flex items-center gap-1">
          <Switch
            checked={active}
            label={`${limit.name} is active`}
            disabled={toggle.isPending}
            onChange={(wanted) => toggle.mutate({ do: "change", name: limit.name, active: wanted })}
          />
          <Button look="ghost" size="icon" aria-label={`Edit ${limit.name}`} onClick={onEdit}>
            <Pencil size={14} />
          </Button>
          <Button
            look="ghost"
            size="icon"
            aria-label={`Reset ${limit.name}`}
            onClick={() => setSure("reset")}
          >
            <RotateCcw size={14} />
          </Button>
          <Button
            look="ghost"
            size="icon"
            aria-label={`Delete ${limit.name}`}
            onClick={() => setSure("delete")}
          >
            <Trash2 size={14} />
          </Button>
        </span>
      }
    >
      <div className={classes("space-y-2 px-4 py-3 text-sm", !active && "opacity-70")}>
        <p className="flex flex-wrap justify-between gap-x-4 text-xs text-ink-2">
          <span>
            {kindOf(limit.name)}
            {decay > 0 && ` · ${decay.toLocaleString()} slots a second come back`}
          </span>
          {!active && <span className="font-medium">Inactive: everybody passes</span>}
        </p>
        <div className="flex items-center gap-3">
          <div
            role="meter"
            aria-label={`Slots of ${limit.name} that are taken`}
            aria-valuemin={0}
            aria-valuemax={Math.max(slots, taken)}
            aria-valuenow={taken}
            className="h-2.5 flex-1 overflow-hidden rounded-full border border-line bg-sunken"
          >
            <div
              className={classes("h-full transition-[width]", over ? "bg-danger" : "bg-accent")}
              style={{ width: `${share * 100}%` }}
            />
          </div>
          <span className="font-medium">
            {taken} / {slots}
          </span>
        </div>
        <People title={holders.length === 0 ? "Nobody holds a slot." : "Held by"} people={holders} />
        {waiting > 0 && (
          <People title={`${waiting.toLocaleString()} waiting`} people={waiters} total={waiting} />
        )}
      </div>
      {toggle.error !== null && <Trouble problem={toggle.error} />}
      <Confirm
        open={sure !== null}
        onOpenChange={(open) => {
          if (open) return;
          setSure(null);
          act.reset();
        }}
        title={
          sure === "delete" ? `Delete the limit ${limit.name}?` : `Take back all slots of ${limit.name}?`
        }
        text={
          sure === "delete"
            ? "What it bounded is bounded no more. Those who hold slots go on."
            : "Those who hold slots go on, and others start beside them: more than the limit allows may be at work for a while."
        }
        action={sure === "delete" ? "Delete" : "Take back"}
        busy={act.isPending}
        problem={act.error}
        onConfirm={() => {
          if (sure !== null) act.mutate({ do: sure, name: limit.name }, { onSuccess: () => setSure(null) });
        }}
      />
    </Card>
  );
}

function People({
  title,
  people,
  total,
}: {
  title: string;
  people: readonly (Holder | Waiter)[];
  total?: number;
}) {
  const hidden = (total ?? people.length) - Math.min(people.length, SHOWN);
  return (
    <div>
      <p className="text-xs text-ink-3">{title}</p>
      <ul className="divide-y divide-line/60">
        {people.slice(0, SHOWN).map((one) => (
          <li key={one.lease} className="flex flex-wrap items-center justify-between gap-x-3 py-1 text-xs">
            <Who one={one} />
            <span className="text-ink-3">
              {one.slots > 1 && `${one.slots} slots · `}
              <Ago at={one.since} />
            </span>
          </li>
        ))}
      </ul>
      {hidden > 0 && <p className="text-xs text-ink-3">… and {hidden.toLocaleString()} more</p>}
    </div>
  );
}

function Who({ one }: { one: Holder | Waiter }) {
  const owner = "owner" in one && one.owner ? one.owner : null;
  if (one.task_run_id != null) {
    return (
      <Link
        to="/task-runs/$task"
        params={{ task: one.task_run_id }}
        className="font-mono text-accent hover:underline"
      >
        task run {one.task_run_id.slice(-8)}
        {owner !== null && ` on ${owner}`}
      </Link>
    );
  }
  if (one.flow_run_id != null) {
    return (
      <Link
        to="/runs/$run"
        params={{ run: one.flow_run_id }}
        className="font-mono text-accent hover:underline"
      >
        flow run {one.flow_run_id.slice(-8)}
        {owner !== null && ` on ${owner}`}
      </Link>
    );
  }
  return <span className="font-mono">{owner ?? `lease ${one.lease.slice(-8)}`}</span>;
}
