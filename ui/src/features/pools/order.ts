import type { FlowRun } from "@/api/flowRuns";

/** What of a waiting run its place in line follows from. */
export type Waiting = Pick<FlowRun, "id" | "priority" | "work_queue_name">;

export interface Place {
  priority: number;
  queue: string;
}

/**
 * Where a run must be put to stand just before another one, or just behind it. Within a queue higher priorities are
 * taken first, and of equal ones who was due first: so one more, or one less, than the other has is enough.
 */
export function placeBeside(run: Waiting, other: Waiting, side: "before" | "behind"): Place {
  const theirs = other.priority ?? 0;
  return {
    priority: side === "before" ? theirs + 1 : theirs - 1,
    queue: other.work_queue_name ?? run.work_queue_name ?? "default",
  };
}

/** What must be asked for when a run is let go on another one; null when that changes nothing. */
export function dropped(runs: readonly Waiting[], from: string, onto: string): Place | null {
  const start = runs.findIndex((run) => run.id === from);
  const end = runs.findIndex((run) => run.id === onto);
  const run = runs[start];
  const other = runs[end];
  if (run === undefined || other === undefined || start === end) return null;
  return placeBeside(run, other, end < start ? "before" : "behind");
}
