import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { STATE_TYPES } from "@/lib/states";

import { momentOf } from "./moments";
import { type GivenNode, GraphStore } from "./store";
import { codeOf } from "./tally";
import type { Nodes } from "./types";

const RUN = "run";
const CHILD = "child-run";

function given(id: string, more: Partial<GivenNode> = {}): GivenNode {
  return { id, kind: "task-run", label: id, state_type: "COMPLETED", ...more };
}

function storeOf(...pages: GivenNode[][]): GraphStore {
  const store = new GraphStore(RUN);
  for (const nodes of pages) store.apply({ flow_run_id: RUN, nodes });
  return store;
}

/** A snapshot without its rows, which depend on the order in which the nodes came. */
function told(nodes: Nodes): unknown {
  const name = (row: number): string | null => nodes.ids[row] ?? null;
  const rows = nodes.ids.map((id, row) => ({
    id,
    label: nodes.labels[row],
    kind: nodes.kinds[row],
    state: nodes.states[row],
    started: nodes.started[row],
    ended: nodes.ended[row],
    holder: name(nodes.holders[row] ?? -1),
    size: nodes.sizes[row],
    index: nodes.indexes[row],
    parents: Array.from(
      nodes.parents.slice(nodes.parentStarts[row], nodes.parentStarts[row + 1]),
      name,
    ).sort(),
    histogram: [...(nodes.histograms.get(row) ?? [])].sort(([one], [other]) => one - other),
    child: nodes.childRuns.get(row),
    map: nodes.maps.get(row),
  }));
  return rows.sort((one, other) => (one.id < other.id ? -1 : 1));
}

function items(count: number, more: (index: number) => Partial<GivenNode> = () => ({})): GivenNode[] {
  return Array.from({ length: count }, (_, index) =>
    given(`item-${index}`, { map_id: "m", map_index: index, ...more(index) }),
  );
}

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

const someNode = fc.record({
  state_type: fc.constantFrom(...STATE_TYPES, null),
  start: fc.option(fc.nat(100), { nil: null }),
  end: fc.option(fc.nat(100), { nil: null }),
  parents: fc.uniqueArray(fc.nat(40), { maxLength: 3 }),
  caller: fc.option(fc.nat(40), { nil: null }),
  map: fc.option(fc.nat(1), { nil: null }),
  child: fc.boolean(),
});

const someNodes = fc.array(someNode, { maxLength: 40, size: "max" }).map((all) =>
  all.map((one, row) =>
    given(`n${row}`, {
      state_type: one.state_type,
      start_time: one.start === null ? null : at(one.start),
      end_time: one.end === null ? null : at(one.end),
      parents: one.parents.map((parent) => `n${parent}`),
      // What calls was there before what it calls; a map is called as a whole.
      encapsulating: one.caller === null || one.caller >= row || one.map !== null ? null : `n${one.caller}`,
      map_id: one.map === null ? null : `m${one.map}`,
      map_index: one.map === null ? null : row,
      child_flow_run_id: one.child ? `child-${row}` : null,
    }),
  ),
);

describe("a store of a graph", () => {
  test("holds the same, in whatever order and however often the nodes come", () => {
    const law = fc.property(
      someNodes,
      fc.infiniteStream(fc.nat()),
      fc.integer({ min: 1, max: 9 }),
      (nodes, dice, size) => {
        const draw = (below: number): number => (dice.next().value ?? 0) % below;
        const shuffled = [...nodes, ...nodes.filter(() => draw(2) === 0)]
          .map((node) => ({ node, place: draw(1_000_000) }))
          .sort((one, other) => one.place - other.place)
          .map(({ node }) => node);
        const pages: GivenNode[][] = [];
        for (let start = 0; start < shuffled.length; start += size)
          pages.push(shuffled.slice(start, start + size));
        expect(told(storeOf(...pages).snapshot())).toEqual(told(storeOf(nodes).snapshot()));
      },
    );
    fc.assert(law, { numRuns: 200, seed: 5 });
  });

  test("tells which rows changed, and nothing of what came again as it was", () => {
    const store = storeOf([given("a"), given("b", { state_type: "RUNNING" })]);
    const { version } = store;
    const before = store.snapshot();
    expect(
      store.apply({ flow_run_id: RUN, nodes: [given("a"), given("b", { state_type: "RUNNING" })] }),
    ).toEqual([]);
    expect(store.version).toBe(version);
    expect(store.snapshot()).toBe(before);
    expect(store.apply({ flow_run_id: RUN, nodes: [given("a"), given("b")] })).toEqual([store.rowOf("b")]);
    expect(store.version).toBe(version + 1);
    expect(before.states[1]).toBe(codeOf("RUNNING"));
    expect(store.snapshot().states[1]).toBe(codeOf("COMPLETED"));
  });

  test("links a parent that comes after its child", () => {
    const store = storeOf([given("b", { parents: ["a"] })]);
    expect(store.snapshot().parents).toHaveLength(0);
    expect(store.apply({ flow_run_id: RUN, nodes: [given("a")] }).sort()).toEqual([0, 1]);
    expect([...store.snapshot().parents]).toEqual([store.rowOf("a")]);
    expect([...store.snapshot().parentStarts]).toEqual([0, 1, 1]);
  });

  test("puts what a task called into the task", () => {
    const nodes = storeOf([given("inner", { encapsulating: "outer" })], [given("outer")]).snapshot();
    expect([...nodes.holders]).toEqual([1, -1]);
  });
});

describe("a map", () => {
  const more = (index: number): Partial<GivenNode> => ({ start_time: at(index), end_time: at(index + 10) });

  test("of few items leaves them as they are", () => {
    expect(storeOf(items(7)).snapshot().kinds).not.toContain("map");
  });

  test("becomes a node that holds its items and says what they come to", () => {
    const store = storeOf(items(5, more), items(9, more).slice(5));
    const nodes = store.snapshot();
    const row = nodes.kinds.indexOf("map");
    expect([...nodes.maps]).toEqual([[row, { run: RUN, map: "m" }]]);
    expect([...nodes.holders].filter((holder) => holder === row)).toHaveLength(9);
    expect(nodes.sizes[row]).toBe(9);
    expect(nodes.labels[row]).toBe("item-0");
    expect(nodes.histograms.get(row)).toEqual(new Map([[codeOf("COMPLETED"), 9]]));
    expect([nodes.started[row], nodes.ended[row]]).toEqual([momentOf(at(0)), momentOf(at(18))]);
    expect(nodes.states[row]).toBe(codeOf("COMPLETED"));
  });

  test("has no end while an item goes on, and has one again when it ended", () => {
    const store = storeOf(items(9, more));
    const row = store.snapshot().kinds.indexOf("map");
    const again = given("item-8", { map_id: "m", map_index: 8, state_type: "RUNNING", start_time: at(8) });
    store.apply({ flow_run_id: RUN, nodes: [again] });
    expect(store.snapshot().ended[row]).toBeNaN();
    expect(store.snapshot().states[row]).toBe(codeOf("RUNNING"));
    const failed = { ...again, state_type: "FAILED", end_time: at(9) };
    expect(store.apply({ flow_run_id: RUN, nodes: [failed] })).toContain(row);
    expect(store.snapshot().ended[row]).toBe(momentOf(at(17)));
    expect(store.snapshot().states[row]).toBe(codeOf("FAILED"));
    expect(store.snapshot().histograms.get(row)).toEqual(
      new Map([
        [codeOf("COMPLETED"), 8],
        [codeOf("FAILED"), 1],
      ]),
    );
  });

  test("that the server folded is known by its summary, before and after its items come", () => {
    const map = given("map-node", {
      kind: "map",
      map_id: "m",
      size: 50_000,
      states: { COMPLETED: 49_000, RUNNING: 1_000 },
      start_time: at(1),
      parents: ["first"],
    });
    const store = storeOf([given("after", { parents: ["map-node"] })], [map], [given("first")]);
    const row = store.rowOf("map-node") ?? -1;
    store.apply({ flow_run_id: RUN, nodes: items(3) });
    const nodes = store.snapshot();
    expect(nodes.sizes[row]).toBe(50_000);
    expect(nodes.states[row]).toBe(codeOf("RUNNING"));
    expect(nodes.histograms.get(row)?.get(codeOf("RUNNING"))).toBe(1_000);
    expect([...nodes.holders].filter((holder) => holder === row)).toHaveLength(3);
    expect([...nodes.parents].sort()).toEqual([store.rowOf("first"), row].sort());
    expect(store.apply({ flow_run_id: RUN, nodes: [map] })).toEqual([]);
  });
});

describe("a subflow", () => {
  const outer = given("call", { kind: "flow-run", child_flow_run_id: CHILD });

  test("is not mixed into the run before it is opened", () => {
    const store = storeOf([outer]);
    expect(store.apply({ flow_run_id: CHILD, nodes: [given("inside")] })).toEqual([]);
    expect(store.count).toBe(1);
  });

  test("holds its tasks once opened, even when its own row comes later", () => {
    const early = new GraphStore(RUN);
    expect(early.open(CHILD)).toBe(-1);
    early.apply({ flow_run_id: CHILD, nodes: [given("inside")] });
    early.apply({ flow_run_id: RUN, nodes: [outer] });
    const late = storeOf([outer]);
    expect(late.open(CHILD)).toBe(0);
    late.apply({ flow_run_id: CHILD, nodes: [given("inside")] });
    expect(told(early.snapshot())).toEqual(told(late.snapshot()));
    expect(late.snapshot().holders[1]).toBe(0);
    expect(late.snapshot().childRuns.get(0)).toBe(CHILD);
  });
});

test("moments keep what is shorter than a millisecond", () => {
  expect(momentOf("2026-11-23T07:56:25.123456Z")).toBe(Date.UTC(2026, 10, 23, 7, 56, 25) + 123.456);
  expect(momentOf("2026-11-23T07:57:05Z")).toBe(Date.UTC(2026, 10, 23, 7, 57, 5));
  expect(momentOf("2026-11-23T08:57:05+01:00")).toBe(Date.UTC(2026, 10, 23, 7, 57, 5));
  expect(momentOf(null)).toBeNaN();
});
