import type { Deployment, ScheduleSpec } from "@/api/deployments";
import type { Timing } from "@/features/deployments/timing";

/** What stands in the form of a schedule. Times are those of `datetime-local` fields, in the browser's zone. */
export interface ScheduleForm {
  kind: Timing["kind"];
  cron: string;
  every: string;
  unit: keyof typeof UNITS;
  anchor: string;
  rrule: string;
  timezone: string;
  slug: string;
  catchup: NonNullable<ScheduleSpec["catchup"]>;
  start: string;
  end: string;
  jitter: string;
  blackout: string;
  maxActive: string;
  priority: string;
}

export const UNITS = { seconds: 1, minutes: 60, hours: 3_600, days: 86_400 } as const;

/** A moment as `datetime-local` fields want it: the wall clock of the browser. */
export function localText(at: string | null | undefined): string {
  if (at == null) return "";
  const moment = new Date(at);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function momentOf(text: string): string | null {
  return text === "" || Number.isNaN(Date.parse(text)) ? null : new Date(text).toISOString();
}

function spanOf(seconds: number): { every: string; unit: ScheduleForm["unit"] } {
  const unit = (["days", "hours", "minutes"] as const).find((one) => seconds % UNITS[one] === 0) ?? "seconds";
  return { every: String(seconds / UNITS[unit]), unit };
}

export function formOf(spec: ScheduleSpec | null, zone: string): ScheduleForm {
  const timing = spec?.timing;
  return {
    kind: timing?.kind ?? "cron",
    cron: timing?.kind === "cron" ? timing.cron : "0 2 * * *",
    ...spanOf(timing?.kind === "interval" ? timing.seconds : 3_600),
    anchor: localText(timing?.kind === "interval" ? timing.anchor : null),
    rrule:
      timing?.kind === "rrule"
        ? timing.rrule
        : "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1;BYHOUR=2;BYMINUTE=0;BYSECOND=0",
    timezone: timing === undefined ? zone : (timing.timezone ?? "UTC"),
    slug: spec?.slug ?? "",
    catchup: spec?.catchup ?? "last",
    start: localText(spec?.start),
    end: localText(spec?.end),
    jitter: String(spec?.jitter ?? 0),
    blackout: (spec?.blackout ?? []).join(", "),
    maxActive: spec?.max_active_runs?.toString() ?? "",
    priority: spec?.priority?.toString() ?? "",
  };
}

function timingOf(form: ScheduleForm, before: ScheduleSpec | null): Timing {
  const { timezone } = form;
  switch (form.kind) {
    case "cron": {
      const kept = before?.timing.kind === "cron" && before.timing.day_or === false ? { day_or: false } : {};
      return { kind: "cron", cron: form.cron.trim(), timezone, ...kept };
    }
    case "interval":
      return {
        kind: "interval",
        seconds: Number(form.every) * UNITS[form.unit],
        timezone,
        ...(form.anchor === "" ? {} : { anchor: momentOf(form.anchor) }),
      };
    case "rrule":
      return { kind: "rrule", rrule: form.rrule.trim(), timezone };
  }
}

/** The schedule that a form says, on what the schedule said before and the form does not show. */
export function specOf(
  form: ScheduleForm,
  before: ScheduleSpec | null,
  parameters: Record<string, unknown>,
): ScheduleSpec {
  return {
    ...before,
    timing: timingOf(form, before),
    slug: form.slug.trim(),
    catchup: form.catchup,
    start: momentOf(form.start),
    end: momentOf(form.end),
    jitter: Number(form.jitter) || 0,
    blackout: form.blackout
      .split(",")
      .map((day) => day.trim())
      .filter((day) => day !== ""),
    max_active_runs: form.maxActive === "" ? null : Number(form.maxActive),
    priority: form.priority === "" ? null : Number(form.priority),
    parameters,
  };
}

/** The zone that a new schedule has at first: that of the others, else the browser's. */
export function firstZone(deployment: Deployment): string {
  const [first] = deployment.schedules ?? [];
  return first?.spec.timing.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}
