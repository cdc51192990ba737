import { describe, expect, it } from "vitest";

import { criticalPath, extent, lines, type Node } from "@/features/run/gantt";

function node(id: string, start: number, end: number | null, more: Partial<Node> = {}): Node {
  const at = (second: number): string => new Date(second * 1000).toISOString();
  return {
    id,
    kind: "task-run",
    label: id,
    start_time: at(start),
    end_time: end === null ? null : at(end),
    state_type: "COMPLETED",
    ...more,
  };
}

const NOW = 100_000;
const MAP = Array.from({ length: 10 }, (_, index) =>
  node(`item-${index}`, index, index + 5, {
    map_id: "m",
    map_index: index,
    state_type: index === 3 ? "FAILED" : "COMPLETED",
  }),
);

describe("lines", () => {
  it("fold a map into one line that counts its states", () => {
    const [first, second, ...rest] = lines([node("a", 0, 1), ...MAP], new Set(), NOW);
    expect(first?.label).toBe("a");
    expect(second).toMatchObject({ label: "item × 10", folded: true, start: 0, end: 14_000 });
    expect(second?.states).toEqual([
      ["COMPLETED", 9],
      ["FAILED", 1],
    ]);
    expect(rest).toEqual([]);
  });

  it("show the items of a map that was opened, and of small ones", () => {
    expect(lines(MAP, new Set(["m"]), NOW)).toHaveLength(11);
    expect(lines(MAP.slice(0, 3), new Set(), NOW)).toHaveLength(3);
  });

  it("let what has not ended go on until now", () => {
    const [only] = lines([node("a", 50, null)], new Set(), NOW);
    expect(only?.end).toBe(NOW);
  });
});

describe("extent", () => {
  it("goes from the first beginning to the last end", () => {
    expect(extent(lines([node("a", 3, 4), node("b", 2, 9)], new Set(), NOW), null, NOW)).toEqual([
      2000, 9000,
    ]);
  });

  it("is never empty", () => {
    const [from, to] = extent([], null, NOW);
    expect(to).toBeGreaterThan(from);
  });
});

describe("criticalPath", () => {
  it("follows the parent that ended last, from what ended last", () => {
    const all = [
      node("a", 0, 5),
      node("b", 0, 3),
      node("c", 5, 6, { parents: ["a", "b"] }),
      node("d", 3, 4, { parents: ["b"] }),
    ];
    expect(criticalPath(all)).toEqual(new Set(["c", "a"]));
  });

  it("ends when parents go in a circle", () => {
    const all = [node("a", 0, 5, { parents: ["b"] }), node("b", 0, 3, { parents: ["a"] })];
    expect(criticalPath(all).size).toBe(2);
  });
});
