import { type SyntheticEvent, useMemo, useState } from "react";

import { type Deployment, type Schedule, useSaveSchedule } from "@/api/deployments";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { SchedulePreview } from "@/features/deployments/SchedulePreview";
import { firstZone, formOf, type ScheduleForm, specOf } from "@/features/deployments/scheduleForm";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { TimingFields } from "@/features/deployments/TimingFields";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";

interface ScheduleDialogProps {
  deployment: Deployment;
  /** null: a new one. */
  schedule: Schedule | null;
  onClose: () => void;
}

/** A schedule is made or changed, with the times that come of it beside the rule. */
export function ScheduleDialog({ deployment, schedule, onClose }: ScheduleDialogProps) {
  const before = schedule?.spec ?? null;
  const [form, setForm] = useState(() => formOf(before, firstZone(deployment)));
  const parameters = useSchemaForm(deployment, before?.parameters ?? {});
  const save = useSaveSchedule(deployment.id, schedule?.id ?? null);
  const set = (to: Partial<ScheduleForm>): void => setForm({ ...form, ...to });
  const spec = useMemo(() => specOf(form, before, {}), [form, before]);

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const taken = parameters.take();
    if (taken === null) return;
    save.mutate(specOf(form, before, taken), {
      onSuccess: onClose,
      onError: (problem) => parameters.refuse(problem),
    });
  };

  return (
    <Dialog
      open
      onOpenChange={onClose}
      wide
      title={schedule === null ? "New schedule" : `Edit the schedule ${before?.slug ?? ""}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="schedule" disabled={save.isPending}>
            {schedule === null ? "Create" : "Save"}
          </Button>
        </>
      }
    >
      <form id="schedule" noValidate onSubmit={send} className="space-y-4">
        {save.error !== null && <Trouble problem={save.error} />}
        <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_15rem]">
          <TimingFields form={form} set={set} />
          <SchedulePreview spec={spec} />
        </div>
        <More form={form} set={set} named={schedule !== null} />
        {parameters.fields.length > 0 && (
          <details className="rounded-md border border-line px-3 py-2">
            <summary className="cursor-pointer text-sm font-medium">Parameters of its runs</summary>
            <div className="pt-3">
              <SchemaForm {...parameters} />
            </div>
          </details>
        )}
      </form>
    </Dialog>
  );
}

interface MoreProps {
  form: ScheduleForm;
  set: (to: Partial<ScheduleForm>) => void;
  named: boolean;
}

function More({ form, set, named }: MoreProps) {
  return (
    <details className="rounded-md border border-line px-3 py-2">
      <summary className="cursor-pointer text-sm font-medium">Name, catching up, limits</summary>
      <div className="grid gap-3 pt-3 sm:grid-cols-2">
        <Field
          label="Name"
          hint="Deploying again changes the schedule of this name. Made from the rule when empty."
        >
          {(ids) => (
            <Input
              {...ids}
              value={form.slug}
              disabled={named}
              onChange={(event) => set({ slug: event.target.value })}
            />
          )}
        </Field>
        <Field label="Times while no server was there">
          {(ids) => (
            <Select
              {...ids}
              className="w-full"
              value={form.catchup}
              onChange={(event) => set({ catchup: event.target.value as ScheduleForm["catchup"] })}
            >
              <option value="last">Run the last of them</option>
              <option value="all">Run all of them</option>
              <option value="none">Leave them out</option>
            </Select>
          )}
        </Field>
        <Field label="Not before" hint="Your time.">
          {(ids) => (
            <Input
              {...ids}
              type="datetime-local"
              value={form.start}
              onChange={(event) => set({ start: event.target.value })}
            />
          )}
        </Field>
        <Field label="Not after" hint="Your time.">
          {(ids) => (
            <Input
              {...ids}
              type="datetime-local"
              value={form.end}
              onChange={(event) => set({ end: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="Jitter (seconds)"
          hint="Each run is due up to so much later, so that not all begin at once."
        >
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min={0}
              value={form.jitter}
              onChange={(event) => set({ jitter: event.target.value })}
            />
          )}
        </Field>
        <Field label="Days without runs" hint="2026-12-25, 2026-12-26">
          {(ids) => (
            <Input
              {...ids}
              value={form.blackout}
              onChange={(event) => set({ blackout: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="Open runs at most"
          hint="A time is skipped while so many of its runs have not ended. Empty: no limit."
        >
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min={1}
              value={form.maxActive}
              onChange={(event) => set({ maxActive: event.target.value })}
            />
          )}
        </Field>
        <Field label="Priority of its runs" hint="Empty: that of the deployment.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              value={form.priority}
              onChange={(event) => set({ priority: event.target.value })}
            />
          )}
        </Field>
      </div>
    </details>
  );
}
