import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { STATE_TYPES } from "@/lib/states";

import { type GivenNode, GraphStore } from "../store";
import type { Layout, LayoutKind, Nodes } from "../types";
import { layOut } from "./layOut";
import { CELL } from "./sizes";

const RUN = "run";
const START = Date.UTC(2026, 0, 1);
const NOW = START + 60_000;
const at = (ms: number): string => new Date(START + ms).toISOString();

function given(id: string, more: Partial<GivenNode> = {}): GivenNode {
  return { id, kind: "task-run", label: id, state_type: "COMPLETED", ...more };
}

function nodesOf(nodes: GivenNode[], child?: { run: string; nodes: GivenNode[] }): Nodes {
  const store = new GraphStore(RUN);
  store.apply({ flow_run_id: RUN, nodes });
  if (child !== undefined) {
    store.open(child.run);
    store.apply({ flow_run_id: child.run, nodes: child.nodes });
  }
  return store.snapshot();
}

const someNode = fc.record({
  state_type: fc.constantFrom(...STATE_TYPES),
  start: fc.option(fc.nat(50), { nil: null }),
  lasted: fc.option(fc.nat(20), { nil: null }),
  parents: fc.uniqueArray(fc.nat(60), { maxLength: 3 }),
  caller: fc.option(fc.nat(60), { nil: null, freq: 2 }),
  map: fc.option(fc.nat(2), { nil: null }),
});

/** Tasks, what they called, maps, and a subflow with the same inside. */
const someNodes = fc
  .tuple(fc.array(someNode, { maxLength: 60, size: "max" }), fc.nat(60), fc.boolean())
  .map(([all, half, circles]) => {
    const made = all.map((one, row) =>
      given(`n${row}`, {
        state_type: one.state_type,
        start_time: one.start === null ? null : at(one.start),
        end_time: one.start === null || one.lasted === null ? null : at(one.start + one.lasted),
        parents: one.parents.filter((parent) => circles || parent < row).map((parent) => `n${parent}`),
        encapsulating: one.caller === null || one.caller >= row ? null : `n${one.caller}`,
        map_id: one.map === null ? null : `m${one.map}`,
        map_index: one.map === null ? null : row,
        child_flow_run_id: row === 0 ? "child" : null,
      }),
    );
    return nodesOf(made.slice(0, half), { run: "child", nodes: made.slice(half) });
  });

const someWish = fc.record({ kind: fc.constantFrom<LayoutKind[]>("time", "dependencies"), open: fc.nat(2) });

function openedOf(nodes: Nodes, every: number): Set<number> {
  const all = Array.from({ length: nodes.count }, (_, row) => row);
  return new Set(all.filter((row) => nodes.kinds[row] !== "task-run" && every > 0 && row % every === 0));
}

function isVisible(nodes: Nodes, opened: ReadonlySet<number>, row: number): boolean {
  for (let above = nodes.holders[row] ?? -1; above !== -1; above = nodes.holders[above] ?? -1)
    if (nodes.kinds[above] !== "task-run" && !opened.has(above)) return false;
  return true;
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function boxes({ x, y, width, height }: Layout): Box[] {
  return Array.from(x, (left, place) => {
    const top = y[place] ?? NaN;
    return { left, top, right: left + (width[place] ?? NaN), bottom: top + (height[place] ?? NaN) };
  });
}

const EPSILON = 1e-6;

function overlaps(one: Box, other: Box): boolean {
  return (
    one.left < other.right - EPSILON &&
    other.left < one.right - EPSILON &&
    one.top < other.bottom - EPSILON &&
    other.top < one.bottom - EPSILON
  );
}

function placeOf(nodes: Nodes, layout: Layout, id: string): number {
  return layout.shown.indexOf(nodes.ids.indexOf(id));
}

describe("whatever the graph is", () => {
  const law = (check: (nodes: Nodes, layout: Layout, opened: ReadonlySet<number>) => void): void => {
    const property = fc.property(someNodes, someWish, (nodes, { kind, open }) => {
      const opened = openedOf(nodes, open);
      check(nodes, layOut(nodes, { kind, opened, now: NOW }), opened);
    });
    fc.assert(property, { numRuns: 100, seed: 5 });
  };

  test("every node that is shown is shown once, inside the extent", () => {
    law((nodes, layout, opened) => {
      const expected = nodes.ids.map((_, row) => row).filter((row) => isVisible(nodes, opened, row));
      expect([...layout.shown].sort((one, other) => one - other)).toEqual(expected);
      const { x, y, width, height } = layout.extent;
      for (const box of boxes(layout)) {
        expect(box.left).toBeGreaterThanOrEqual(x - EPSILON);
        expect(box.right).toBeLessThanOrEqual(x + width + EPSILON);
        expect(box.top).toBeGreaterThanOrEqual(y - EPSILON);
        expect(box.bottom).toBeLessThanOrEqual(y + height + EPSILON);
      }
    });
  });

  test("no two nodes overlap", () => {
    law((_nodes, layout) => {
      const all = boxes(layout);
      all.forEach((one, place) => {
        for (const other of all.slice(place + 1)) expect(overlaps(one, other)).toBe(false);
      });
    });
  });

  test("each edge goes forward when it is about dependencies, and none comes twice", () => {
    law((_nodes, layout) => {
      const all = boxes(layout);
      const pairs = new Set<string>();
      for (let edge = 0; edge < layout.edges.length; edge += 2) {
        const [from, to] = [layout.edges[edge] ?? -1, layout.edges[edge + 1] ?? -1];
        pairs.add(`${from} ${to}`);
        if (layout.kind === "dependencies")
          expect(all[from]?.right ?? NaN).toBeLessThanOrEqual(all[to]?.left ?? NaN);
      }
      expect(pairs.size).toBe(layout.edges.length / 2);
    });
  });

  test("over time, what began lies from its start to its end", () => {
    law((nodes, layout) => {
      if (layout.kind !== "time") return;
      boxes(layout).forEach((box, place) => {
        const row = layout.shown[place] ?? -1;
        const started = nodes.started[row] ?? NaN;
        const ended = nodes.ended[row] ?? NaN;
        if (Number.isNaN(started)) expect(box.left).toBeGreaterThanOrEqual(Number.isNaN(ended) ? NOW : ended);
        else expect([box.left, box.right]).toEqual([started, Number.isNaN(ended) ? NOW : ended]);
      });
    });
  });
});

describe("over time", () => {
  const lanesOf = (nodes: Nodes): number =>
    new Set(layOut(nodes, { kind: "time", opened: new Set(), now: NOW }).y).size;

  test("what comes one after the other shares a lane, and what runs together does not", () => {
    const times = Array.from({ length: 20 }, (_, index) => index);
    const timed = (index: number, start: number): GivenNode =>
      given(`n${index}`, { start_time: at(start), end_time: at(start + 10) });
    expect(lanesOf(nodesOf(times.map((index) => timed(index, index * 10))))).toBe(1);
    expect(lanesOf(nodesOf(times.map((index) => timed(index, index))))).toBe(10);
  });

  test("an opened map has its items below it, and nothing between them", () => {
    const items = Array.from({ length: 30 }, (_, index) =>
      given(`item${index}`, {
        map_id: "m",
        map_index: index,
        start_time: at(index * 10),
        end_time: at(index * 10 + 20),
      }),
    );
    const nodes = nodesOf([...items, given("other", { start_time: at(5), end_time: at(25) })]);
    const map = nodes.kinds.indexOf("map");
    const opened = layOut(nodes, { kind: "time", opened: new Set([map]), now: NOW });
    const top = opened.y[opened.shown.indexOf(map)] ?? NaN;
    const tops = items.map(({ id }) => (opened.y[placeOf(nodes, opened, id)] ?? NaN) - top);
    expect(new Set(tops)).toEqual(new Set([1, 2]));
    expect(layOut(nodes, { kind: "time", opened: new Set(), now: NOW }).shown).toHaveLength(2);
  });
});

describe("by dependencies", () => {
  const laid = (nodes: Nodes, ...opened: number[]): Layout =>
    layOut(nodes, { kind: "dependencies", opened: new Set(opened), now: NOW });

  test("no edge is lost where nothing waits for itself", () => {
    const nodes = nodesOf([
      given("a"),
      given("b", { parents: ["a"] }),
      given("c", { parents: ["a"] }),
      given("d", { parents: ["a", "b", "c"] }),
    ]);
    const layout = laid(nodes);
    expect(layout.edges).toHaveLength(10);
    const xs = ["a", "b", "c", "d"].map((id) => layout.x[placeOf(nodes, layout, id)]);
    expect(xs[1]).toBe(xs[2]);
    const middle = (id: string): number => layout.y[placeOf(nodes, layout, id)] ?? NaN;
    expect(middle("a")).toBe((middle("b") + middle("c")) / 2);
    expect(middle("d")).toBe(middle("a"));
  });

  test("a folded map stands for what its items waited for, by one edge", () => {
    const mapped = (map: string, parents: (index: number) => string[]): GivenNode[] =>
      Array.from({ length: 20 }, (_, index) =>
        given(`${map}${index}`, { map_id: map, map_index: index, parents: parents(index) }),
      );
    const first = mapped("x", () => ["start"]);
    const nodes = nodesOf([
      given("start"),
      ...first,
      ...mapped("y", (index) => [`x${index}`]),
      given("end", { parents: first.map(({ id }) => id) }),
    ]);
    const layout = laid(nodes);
    expect(layout.shown).toHaveLength(4);
    expect(layout.edges).toHaveLength(6);
  });

  test("a great map that is opened is a block of small cells, in the order of its items", () => {
    const items = Array.from({ length: 50_000 }, (_, index) =>
      given(`item${index}`, { map_id: "m", map_index: index, parents: ["start"] }),
    );
    const nodes = nodesOf([given("start"), ...items.reverse()]);
    const layout = laid(nodes, nodes.kinds.indexOf("map"));
    expect(layout.shown).toHaveLength(50_002);
    expect(layout.extent.width).toBeLessThan(200);
    expect(layout.extent.height).toBeLessThan(200);
    const [one, two] = [placeOf(nodes, layout, "item0"), placeOf(nodes, layout, "item1")];
    expect((layout.x[two] ?? NaN) - (layout.x[one] ?? NaN)).toBe(CELL);
    expect(layout.edges).toHaveLength(2);
  });
});
