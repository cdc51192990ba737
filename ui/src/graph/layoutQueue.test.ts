import { describe, expect, test } from "vitest";

import { layOut } from "./layout/layOut";
import { answer, type Asked, LayoutQueue, type Port } from "./layoutQueue";
import { GraphStore } from "./store";
import type { Layout, LayoutWish, Nodes } from "./types";

const WISH: LayoutWish = { kind: "dependencies", opened: new Set(), now: 0 };

function nodesOf(count: number): Nodes {
  const store = new GraphStore("run");
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    kind: index === 1 ? "flow-run" : "task-run",
    label: "",
    child_flow_run_id: index === 1 ? "child" : null,
    parents: index > 0 ? ["n0"] : [],
  }));
  store.apply({ flow_run_id: "run", nodes });
  return store.snapshot();
}

/** The worker's side of the way, which answers when it is told to. */
class Line implements Port {
  onmessage: Port["onmessage"] = null;
  onerror: Port["onerror"] = null;
  readonly asked: Asked[] = [];
  isClosed = false;

  postMessage(message: Asked): void {
    this.asked.push(structuredClone(message));
  }
  terminate(): void {
    this.isClosed = true;
  }
  answer(): void {
    const asked = this.asked.shift();
    if (asked === undefined) throw new Error("nothing was asked");
    const { layout, transfer } = answer(asked);
    const data = structuredClone(layout, { transfer: transfer as ArrayBuffer[] });
    this.onmessage?.({ data } as MessageEvent<Layout>);
  }
}

describe("a queue of layouts", () => {
  test("gives what the same thread would have given", () => {
    const line = new Line();
    const done: Layout[] = [];
    new LayoutQueue(
      () => line,
      (layout) => done.push(layout),
    ).ask(nodesOf(5), WISH);
    line.answer();
    expect(done).toEqual([layOut(nodesOf(5), WISH)]);
  });

  test("asks for one at a time, and then only for the newest", () => {
    const line = new Line();
    const done: Layout[] = [];
    const queue = new LayoutQueue(
      () => line,
      (layout) => done.push(layout),
    );
    for (const count of [1, 2, 3]) queue.ask(nodesOf(count), WISH);
    expect(line.asked).toHaveLength(1);
    line.answer();
    line.answer();
    expect(done.map((layout) => layout.shown.length)).toEqual([1, 3]);
    expect(line.asked).toEqual([]);
  });

  test("does the work itself where there is no worker, and when the worker breaks", () => {
    const done: Layout[] = [];
    const hear = (layout: Layout): void => void done.push(layout);
    new LayoutQueue(() => null, hear).ask(nodesOf(1), WISH);
    expect(done).toHaveLength(1);
    const line = new Line();
    const queue = new LayoutQueue(() => line, hear);
    queue.ask(nodesOf(2), WISH);
    line.onerror?.(new Event("error") as ErrorEvent);
    expect(line.isClosed).toBe(true);
    queue.ask(nodesOf(3), WISH);
    expect(done.map((layout) => layout.shown.length)).toEqual([1, 2, 3]);
  });
});
