import { type SyntheticEvent, useState } from "react";
import { toast } from "sonner";

import { type NewBackfill, useBackfill } from "@/api/backfills";
import type { Deployment } from "@/api/deployments";
import { At } from "@/components/Moment";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { localText } from "@/features/deployments/scheduleForm";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { ruleOf } from "@/features/deployments/timing";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";

const DAY_MS = 86_400_000;

function midnight(daysAgo: number): string {
  const day = new Date(Date.now() - daysAgo * DAY_MS);
  day.setHours(0, 0, 0, 0);
  return localText(day.toISOString());
}

/** A backfill is described, then shown as it would be, then begun: never begun unseen. */
export function BackfillDialog({ deployment, onClose }: { deployment: Deployment; onClose: () => void }) {
  const schedules = deployment.schedules ?? [];
  const form = useSchemaForm(deployment);
  const [start, setStart] = useState(() => midnight(7));
  const [end, setEnd] = useState(() => midnight(0));
  const [source, setSource] = useState(schedules[0]?.spec.slug ?? "");
  const [hours, setHours] = useState("24");
  const [which, setWhich] = useState<NonNullable<NewBackfill["which"]>>("missing");
  const [most, setMost] = useState("10");
  const [newest, setNewest] = useState(false);
  const dry = useBackfill(deployment.id);
  const begin = useBackfill(deployment.id);

  const ask = (parameters: Record<string, unknown>, dryRun: boolean): NewBackfill => ({
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    ...(source === "" ? { every: Number(hours) * 3_600 } : { schedule: source }),
    which,
    max_concurrency: Number(most),
    newest_first: newest,
    parameters,
    dry_run: dryRun,
  });

  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    const parameters = form.take();
    if (parameters === null || start === "" || end === "") return;
    dry.mutate(ask(parameters, true), { onError: (problem) => form.refuse(problem) });
  };
  const go = (): void => {
    const seen = dry.variables;
    if (seen === undefined) return;
    begin.mutate(
      { ...seen, dry_run: false },
      {
        onSuccess: (made) => {
          toast.success(`The backfill of ${made.total.toLocaleString()} runs has begun.`);
          onClose();
        },
      },
    );
  };

  const plan = dry.data;
  if (plan !== undefined) {
    return (
      <Dialog
        open
        onOpenChange={onClose}
        title={`${plan.total.toLocaleString()} ${plan.total === 1 ? "run" : "runs"} would be made`}
        description={`Of ${deployment.flow_name} / ${deployment.name}, at most ${most} at a time, ${newest ? "newest" : "oldest"} first.`}
        footer={
          <>
            <Button onClick={() => dry.reset()}>Back</Button>
            <Button look="primary" disabled={begin.isPending || plan.total === 0} onClick={go}>
              Begin
            </Button>
          </>
        }
      >
        {begin.error !== null && <Trouble problem={begin.error} />}
        {plan.total === 0 && (
          <p className="text-sm text-ink-2">In this range there is no such time without a run.</p>
        )}
        <ol className="columns-2 text-sm tabular-nums">
          {plan.examples?.map((time) => (
            <li key={time}>
              <At at={time} />
            </li>
          ))}
        </ol>
        {plan.total > (plan.examples?.length ?? 0) && (
          <p className="pt-2 text-sm text-ink-3">
            and {(plan.total - (plan.examples?.length ?? 0)).toLocaleString()} more
          </p>
        )}
      </Dialog>
    );
  }

  return (
    <Dialog
      open
      onOpenChange={onClose}
      wide
      title={`Backfill ${deployment.flow_name} / ${deployment.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="backfill" disabled={dry.isPending}>
            Show what it would make
          </Button>
        </>
      }
    >
      <form id="backfill" noValidate onSubmit={look} className="space-y-4">
        {dry.error !== null && <Trouble problem={dry.error} />}
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="From" hint="Your time.">
            {(ids) => (
              <Input
                {...ids}
                type="datetime-local"
                required
                value={start}
                onChange={(event) => setStart(event.target.value)}
              />
            )}
          </Field>
          <Field label="Until" hint="Your time; not in it.">
            {(ids) => (
              <Input
                {...ids}
                type="datetime-local"
                required
                value={end}
                onChange={(event) => setEnd(event.target.value)}
              />
            )}
          </Field>
          <Field label="Times">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={source}
                onChange={(event) => setSource(event.target.value)}
              >
                {schedules.map(({ id, spec }) => (
                  <option key={id} value={spec.slug ?? ""}>
                    Of the schedule {ruleOf(spec.timing)}
                  </option>
                ))}
                <option value="">At a distance of …</option>
              </Select>
            )}
          </Field>
          {source === "" && (
            <Field label="Hours between two runs">
              {(ids) => (
                <Input
                  {...ids}
                  type="number"
                  min={0}
                  step="any"
                  value={hours}
                  onChange={(event) => setHours(event.target.value)}
                />
              )}
            </Field>
          )}
          <Field label="Which of them">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={which}
                onChange={(event) => setWhich(event.target.value as typeof which)}
              >
                <option value="missing">Those without a run</option>
                <option value="failed">Those whose last run did not complete</option>
                <option value="all">All</option>
              </Select>
            )}
          </Field>
          <Field label="Open at once" hint="Beside all other limits.">
            {(ids) => (
              <Input
                {...ids}
                type="number"
                min={1}
                value={most}
                onChange={(event) => setMost(event.target.value)}
              />
            )}
          </Field>
        </div>
        <label className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            className="size-4"
            checked={newest}
            onChange={(event) => setNewest(event.target.checked)}
          />
          Newest first
        </label>
        {form.fields.length > 0 && (
          <details className="rounded-md border border-line px-3 py-2">
            <summary className="cursor-pointer text-sm font-medium">Parameters of its runs</summary>
            <div className="pt-3">
              <SchemaForm {...form} />
            </div>
          </details>
        )}
      </form>
    </Dialog>
  );
}
