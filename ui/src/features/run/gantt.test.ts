import { describe, expect, it } from "vitest";

import { endOf, extent, lines } from "@/features/run/gantt";
import { type GivenNode, GraphStore } from "@/graph/store";
import type { Nodes } from "@/graph/types";

const NOW = Date.UTC(2026, 10, 22, 0, 1, 40);

function node(
  id: string,
  start: number | null,
  end: number | null,
  more: Partial<GivenNode> = {},
): GivenNode {
  const at = (second: number | null): string | null =>
    second === null ? null : new Date(Date.UTC(2026, 10, 22) + second * 1000).toISOString();
  return {
    id,
    kind: "task-run",
    label: id,
    start_time: at(start),
    end_time: at(end),
    state_type: "COMPLETED",
    ...more,
  };
}

function stored(...nodes: GivenNode[]): Nodes {
  const store = new GraphStore("run");
  store.apply({ flow_run_id: "run", nodes });
  return store.snapshot();
}

const ITEMS = Array.from({ length: 10 }, (_, index) =>
  node(`item-${index}`, index, index + 5, { map_id: "m", map_index: index }),
);

function names(nodes: Nodes, opened: ReadonlySet<number>): string[] {
  return lines(nodes, opened).map(({ row, depth }) => `${"  ".repeat(depth)}${nodes.ids[row] ?? ""}`);
}

describe("lines", () => {
  it("come in the order in which they began, what has not begun last", () => {
    expect(names(stored(node("late", null, null), node("b", 5, 6), node("a", 1, 2)), new Set())).toEqual([
      "a",
      "b",
      "late",
    ]);
  });

  it("fold a map into one, and show its items below it when it is opened", () => {
    const nodes = stored(node("a", 0, 1), ...ITEMS);
    const map = nodes.kinds.indexOf("map");
    expect(lines(nodes, new Set()).map(({ row }) => row)).toEqual([0, map]);
    const opened = lines(nodes, new Set([map]));
    expect(opened).toHaveLength(12);
    expect(opened[2]).toMatchObject({ depth: 1 });
  });
});

describe("extent", () => {
  it("goes from the first beginning to the last end", () => {
    const nodes = stored(node("a", 3, 4), node("b", 2, 9));
    const [from, to] = extent(nodes, lines(nodes, new Set()), null, NOW);
    expect(to - from).toBe(7000);
  });

  it("is never empty", () => {
    const [from, to] = extent(stored(), [], null, NOW);
    expect(to).toBeGreaterThan(from);
  });

  it("lets what has not ended go on until now", () => {
    const nodes = stored(node("a", 50, null, { state_type: "RUNNING" }));
    expect(endOf(nodes, 0, NOW)).toBe(NOW);
    expect(extent(nodes, lines(nodes, new Set()), null, NOW)[1]).toBe(NOW);
  });
});
