import type { FlowRun } from "@/api/flowRuns";

function due(run: FlowRun): number {
  return Date.parse(run.expected_start_time ?? run.created ?? "") || 0;
}

/** Runs that are late before those that wait for their time, and each by when it is due. */
export function longestWaitFirst(one: FlowRun, other: FlowRun): number {
  const late = Number(other.state_name === "Late") - Number(one.state_name === "Late");
  return late !== 0 ? late : due(one) - due(other);
}
