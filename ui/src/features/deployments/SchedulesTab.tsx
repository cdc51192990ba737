import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { type Deployment, type Schedule, useDeleteSchedule, useSwitchSchedule } from "@/api/deployments";
import { Ago, At } from "@/components/Moment";
import { Empty } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Switch } from "@/components/ui/switch";
import { ScheduleDialog } from "@/features/deployments/ScheduleDialog";
import { ruleOf, zoneOf } from "@/features/deployments/timing";
import { Confirm } from "@/components/Confirm";

export function SchedulesTab({ deployment }: { deployment: Deployment }) {
  const [editing, setEditing] = useState<Schedule | "new" | null>(null);
  const schedules = deployment.schedules ?? [];
  const full = `${deployment.flow_name}/${deployment.name}`;
  return (
    <Card
      title="Schedules"
      aside={
        <Button size="small" onClick={() => setEditing("new")}>
          <Plus size={13} aria-hidden /> New schedule
        </Button>
      }
    >
      {deployment.paused === true && schedules.length > 0 && (
        <p className="border-b border-line bg-accent-soft px-4 py-1.5 text-xs">
          The deployment is paused: none of its schedules makes runs.
        </p>
      )}
      {schedules.length === 0 ? (
        <Empty
          title="It has no schedule."
          command={`levada deployment schedule create ${full} --cron "0 2 * * *"`}
        >
          It runs when it is asked to. A schedule lets it run by itself.
        </Empty>
      ) : (
        <ul>
          {schedules.map((one) => (
            <li key={one.id} className="border-b border-line last:border-0">
              <ScheduleRow schedule={one} onEdit={() => setEditing(one)} />
            </li>
          ))}
        </ul>
      )}
      {editing !== null && (
        <ScheduleDialog
          deployment={deployment}
          schedule={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
        />
      )}
    </Card>
  );
}

function ScheduleRow({ schedule, onEdit }: { schedule: Schedule; onEdit: () => void }) {
  const { spec } = schedule;
  const [deleting, setDeleting] = useState(false);
  const change = useSwitchSchedule(schedule.id);
  const remove = useDeleteSchedule(schedule.id);
  const active = spec.active !== false;
  const name = spec.slug ?? ruleOf(spec.timing);
  const given = Object.keys(spec.parameters ?? {}).length;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5 px-4 py-3 text-sm">
      <Switch
        checked={active}
        disabled={change.isPending}
        label={`The schedule ${name}`}
        onChange={(on) => change.mutate(on)}
      />
      <div className="min-w-40 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <code className="font-mono break-all">{ruleOf(spec.timing)}</code>
          <span className="text-xs text-ink-3">{zoneOf(spec.timing)}</span>
        </p>
        <p className="text-xs text-ink-3">
          {name} · after an outage:{" "}
          {{ last: "the last time", all: "all times", none: "nothing" }[spec.catchup ?? "last"]}
          {given > 0 && ` · ${given} ${given === 1 ? "parameter" : "parameters"} of its own`}
          {spec.max_active_runs != null && ` · at most ${spec.max_active_runs} open`}
        </p>
      </div>
      <div className="text-right text-xs text-ink-2">
        {!active ? (
          "off"
        ) : schedule.next == null ? (
          "no next time"
        ) : (
          <>
            <Ago at={schedule.next} />
            <p className="text-ink-3">
              <At at={schedule.next} />
            </p>
          </>
        )}
      </div>
      <span className="flex">
        <Button
          look="ghost"
          size="icon"
          className="size-7"
          aria-label={`Edit the schedule ${name}`}
          onClick={onEdit}
        >
          <Pencil size={13} />
        </Button>
        <Button
          look="ghost"
          size="icon"
          className="size-7"
          aria-label={`Delete the schedule ${name}`}
          onClick={() => setDeleting(true)}
        >
          <Trash2 size={13} />
        </Button>
      </span>
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete the schedule ${name}?`}
        text="It makes no more runs. Those that it made stay."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => setDeleting(false) })}
      />
    </div>
  );
}
