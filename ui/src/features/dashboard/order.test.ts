import { expect, it } from "vitest";

import type { FlowRun } from "@/api/flowRuns";
import { longestWaitFirst } from "@/features/dashboard/order";

const run = (name: string, state: string, minute: number): FlowRun =>
  ({ name, state_name: state, expected_start_time: `2026-11-23T09:${String(minute)}:00Z` }) as FlowRun;

it("shows what is late first, then what is due first", () => {
  const runs = [
    run("c", "Scheduled", 11),
    run("b", "Late", 59),
    run("d", "Scheduled", 12),
    run("a", "Late", 10),
  ];
  expect(runs.sort(longestWaitFirst).map((one) => one.name)).toEqual(["a", "b", "c", "d"]);
});
