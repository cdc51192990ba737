import { useId } from "react";

import { Field, Input, Select, TextArea } from "@/components/ui/input";
import { type ScheduleForm, UNITS } from "@/features/deployments/scheduleForm";

interface TimingFieldsProps {
  form: ScheduleForm;
  set: (to: Partial<ScheduleForm>) => void;
}

const ZONES = Intl.supportedValuesOf("timeZone");

/** The rule of a schedule: cron, interval or recurrence rule, and its time zone. */
export function TimingFields({ form, set }: TimingFieldsProps) {
  const list = useId();
  return (
    <div className="space-y-3">
      <Field label="Rule">
        {(ids) => (
          <Select
            {...ids}
            className="w-full"
            value={form.kind}
            onChange={(event) => set({ kind: event.target.value as ScheduleForm["kind"] })}
          >
            <option value="cron">Cron expression</option>
            <option value="interval">Interval</option>
            <option value="rrule">Recurrence rule (RFC 5545)</option>
          </Select>
        )}
      </Field>
      {form.kind === "cron" && (
        <Field
          label="Cron"
          hint="Minute, hour, day of the month, month, day of the week; six fields begin with seconds; or @daily."
        >
          {(ids) => (
            <Input
              {...ids}
              className="font-mono"
              value={form.cron}
              onChange={(event) => set({ cron: event.target.value })}
            />
          )}
        </Field>
      )}
      {form.kind === "interval" && (
        <div className="grid grid-cols-2 gap-3">
          <Field label="Every">
            {(ids) => (
              <Input
                {...ids}
                type="number"
                min={0}
                step="any"
                value={form.every}
                onChange={(event) => set({ every: event.target.value })}
              />
            )}
          </Field>
          <Field label="Unit">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={form.unit}
                onChange={(event) => set({ unit: event.target.value as ScheduleForm["unit"] })}
              >
                {Object.keys(UNITS).map((unit) => (
                  <option key={unit}>{unit}</option>
                ))}
              </Select>
            )}
          </Field>
          <div className="col-span-2">
            <Field
              label="Counted from"
              hint="One of its times, in your time. Empty: the first of January 1970."
            >
              {(ids) => (
                <Input
                  {...ids}
                  type="datetime-local"
                  value={form.anchor}
                  onChange={(event) => set({ anchor: event.target.value })}
                />
              )}
            </Field>
          </div>
        </div>
      )}
      {form.kind === "rrule" && (
        <Field label="Recurrence rule" hint="Lines of DTSTART, RRULE, RDATE and EXDATE, or one rule alone.">
          {(ids) => (
            <TextArea
              {...ids}
              rows={4}
              value={form.rrule}
              onChange={(event) => set({ rrule: event.target.value })}
            />
          )}
        </Field>
      )}
      <Field label="Time zone" hint="Times are those of the wall clock there, also when summer time changes.">
        {(ids) => (
          <Input
            {...ids}
            list={list}
            value={form.timezone}
            onChange={(event) => set({ timezone: event.target.value })}
          />
        )}
      </Field>
      <datalist id={list}>
        {["UTC", ...ZONES].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </div>
  );
}
