import { describe, expect, test } from "vitest";

import { type GivenNode, GraphStore } from "../store";
import { criticalPath } from "./criticalPath";

const START = Date.UTC(2026, 0, 1);
const at = (ms: number): string => new Date(START + ms).toISOString();

function given(id: string, from: number | null, to: number | null, ...parents: string[]): GivenNode {
  return {
    id,
    kind: "task-run",
    label: id,
    state_type: from === null ? "PENDING" : to === null ? "RUNNING" : "COMPLETED",
    start_time: from === null ? null : at(from),
    end_time: to === null ? null : at(to),
    parents,
  };
}

function pathOf(nodes: GivenNode[], now = 1_000): string[] {
  const store = new GraphStore("run");
  store.apply({ flow_run_id: "run", nodes });
  const snapshot = store.snapshot();
  return Array.from(criticalPath(snapshot, START + now), (row) => snapshot.ids[row] ?? "");
}

describe("the critical path", () => {
  test("of nothing is nothing", () => {
    expect(pathOf([])).toEqual([]);
    expect(pathOf([given("a", null, null)])).toEqual([]);
  });

  test("goes along what each node waited for longest", () => {
    const nodes = [
      given("a", 0, 10),
      given("b", 0, 30),
      given("c", 30, 40, "a", "b"),
      given("d", 10, 35, "a"),
    ];
    expect(pathOf(nodes)).toEqual(["b", "c"]);
  });

  test("ends at what still runs, not at what waits for it", () => {
    const nodes = [
      given("a", 0, 10),
      given("b", 10, null, "a"),
      given("c", null, null, "b"),
      given("d", 0, 500),
    ];
    expect(pathOf(nodes)).toEqual(["a", "b"]);
  });

  test("of what runs together takes what has run longest", () => {
    expect(pathOf([given("a", 20, null), given("b", 10, null), given("c", 30, null)])).toEqual(["b"]);
  });

  test("goes through a map by the item that ended last", () => {
    const items = Array.from({ length: 10 }, (_, index) => ({
      ...given(`i${index}`, 20, index === 3 ? 90 : 30, index === 3 ? "slow" : "fast"),
      map_id: "m",
      map_index: index,
    }));
    const nodes = [given("slow", 0, 20), given("fast", 0, 21), ...items, given("end", 90, 95, "i3", "i4")];
    expect(pathOf(nodes)).toEqual(["slow", "map:run:m", "end"]);
  });

  test("comes to an end where nodes wait for each other in a circle", () => {
    expect(pathOf([given("a", 0, 10, "b"), given("b", 0, 20, "a")])).toEqual(["a", "b"]);
  });
});
