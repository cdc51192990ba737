import type { ScheduleSpec } from "@/api/deployments";
import { duration } from "@/lib/time";

export type Timing = ScheduleSpec["timing"];

/** A rule in a few words. */
export function ruleOf(timing: Timing): string {
  switch (timing.kind) {
    case "cron":
      return timing.cron;
    case "interval":
      return `every ${duration(timing.seconds)}`;
    case "rrule":
      return timing.rrule.split("\n").at(-1) ?? timing.rrule;
  }
}

/** The zone of a rule, when it is another than UTC. */
export function zoneOf(timing: Timing): string {
  return timing.timezone ?? "UTC";
}
