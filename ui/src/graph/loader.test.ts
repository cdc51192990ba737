import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { GraphLoader, type LoadedPage, type Pages } from "./loader";
import type { GivenNode } from "./store";

const RUN = "run";
const CHILD = "child";
const PAUSE = 1_000;

function given(id: string, more: Partial<GivenNode> = {}): GivenNode {
  return { id, kind: "task-run", label: id, state_type: "RUNNING", ...more };
}

const MAP = given("map-node", { kind: "map", map_id: "m", size: 9, states: { RUNNING: 9 } });

/** A server of graphs: what it has, and what it was asked. */
class Server {
  readonly asked: string[] = [];
  state = "RUNNING";
  trouble: Error | null = null;
  atOnce = 0;
  mostAtOnce = 0;
  nodes: Record<string, GivenNode[][]> = {
    [RUN]: [[given("a")], [MAP, given("sub", { child_flow_run_id: CHILD })]],
  };

  readonly pages: Pages = (run, wish) => this.answer(run, wish);

  private async *answer(run: string, { since, map }: Parameters<Pages>[1]): AsyncGenerator<LoadedPage> {
    const name = map === undefined ? run : `${run}/${map}`;
    this.asked.push(since === undefined ? name : `${name} since ${since}`);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    try {
      for (const nodes of this.nodes[name] ?? [[]]) {
        await Promise.resolve();
        if (this.trouble !== null) throw this.trouble;
        yield { flow_run_id: run, nodes, changed: `t${this.asked.length}`, state_type: this.state };
      }
    } finally {
      this.atOnce -= 1;
    }
  }
}

describe("a loader of a graph", () => {
  let server: Server;
  let loader: GraphLoader;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new Server();
    loader = new GraphLoader(RUN, server.pages);
    loader.start();
  });
  afterEach(() => {
    loader.close();
    vi.useRealTimers();
  });

  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
  const rowOf = (id: string): number => loader.nodes().ids.indexOf(id);

  test("reads all pages, and then nothing before it hears of a change", async () => {
    expect(loader.isComplete()).toBe(false);
    await pass(0);
    expect(loader.nodes().ids).toEqual(["a", "map-node", "sub"]);
    expect(loader.isComplete()).toBe(true);
    await pass(60_000);
    expect(server.asked).toEqual([RUN]);
  });

  test("asks what changed, at most once a second and one question at a time", async () => {
    await pass(0);
    server.nodes[RUN] = [[given("b")]];
    for (let time = 0; time < 30; time += 1) {
      loader.wake();
      await pass(100);
    }
    expect(server.asked).toEqual(
      [RUN, "run since t1", "run since t2", "run since t3"].slice(0, server.asked.length),
    );
    expect(server.asked.length).toBeGreaterThanOrEqual(3);
    expect(server.mostAtOnce).toBe(1);
    expect(loader.nodes().ids).toContain("b");
  });

  test("reads the items of a map when it is opened, and follows them until it is folded", async () => {
    await pass(0);
    server.nodes[`${RUN}/m`] = [[given("item", { map_id: "m", map_index: 0 })]];
    loader.open([rowOf("map-node")], true);
    expect([...loader.openedRows()]).toEqual([rowOf("map-node")]);
    await pass(0);
    expect(loader.nodes().holders[rowOf("item")]).toBe(rowOf("map-node"));
    loader.wake();
    await pass(PAUSE);
    expect(server.asked.slice(1)).toEqual(["run since t1", "run/m", "run since t2", "run/m since t3"]);
    loader.open([rowOf("map-node")], false);
    loader.wake();
    await pass(PAUSE);
    expect(server.asked.at(-1)).toMatch(/^run since/);
  });

  test("asks about an opened subflow while it goes on, for nobody tells of it", async () => {
    await pass(0);
    server.nodes[CHILD] = [[given("inside")]];
    loader.open([rowOf("sub")], true);
    await pass(0);
    expect(loader.nodes().holders[rowOf("inside")]).toBe(rowOf("sub"));
    await pass(PAUSE);
    const { length } = server.asked;
    expect(server.asked).toContain("child since t3");
    server.state = "COMPLETED";
    await pass(PAUSE);
    expect(server.asked.length).toBeGreaterThan(length);
    await pass(PAUSE * 5);
    const { length: rested } = server.asked;
    await pass(PAUSE * 5);
    expect(server.asked).toHaveLength(rested);
  });

  test("of what has ended asks until nothing changes any more", async () => {
    server.state = "COMPLETED";
    await pass(0);
    server.nodes[RUN] = [[given("a", { state_type: "COMPLETED" })]];
    await pass(PAUSE * 10);
    expect(server.asked).toEqual([RUN, "run since t1", "run since t2"]);
  });

  test("keeps what it read when the server does not answer, and says so until it does", async () => {
    await pass(0);
    server.trouble = new Error("away");
    loader.wake();
    await pass(PAUSE);
    expect(loader.error()).toBe(server.trouble);
    expect(loader.nodes().count).toBe(3);
    server.trouble = null;
    loader.wake();
    await pass(PAUSE);
    expect(loader.error()).toBeNull();
    expect(server.asked.at(-1)).toBe("run since t1");
  });

  test("may be closed and started again, and closed reads nothing", async () => {
    loader.close();
    loader.wake();
    await pass(PAUSE);
    expect(server.asked).toEqual([]);
    loader.start();
    await pass(0);
    expect(loader.nodes().count).toBe(3);
  });
});
