import { bench, describe } from "vitest";

import { type GivenNode, GraphStore } from "../store";
import type { Nodes } from "../types";
import { criticalPath } from "./criticalPath";
import { layOut } from "./layOut";

const MANY = 100_000;
const START = Date.UTC(2026, 0, 1);
const NOW = START + 60_000;
const at = (ms: number): string => `${new Date(START + ms).toISOString().slice(0, -1)}250Z`;
const RUN = "0190c0de-0000-7000-8000-000000000000";
const idOf = (index: number): string => `0190c0de-0000-7000-8000-${index.toString(16).padStart(12, "0")}`;

function tasks(more: (index: number) => Partial<GivenNode>): GivenNode[] {
  return Array.from({ length: MANY }, (_, index) => ({
    id: idOf(index),
    kind: "task-run",
    label: `task-${index}`,
    state_type: "COMPLETED",
    start_time: at(Math.floor(index / 16) * 10 + (index % 7)),
    end_time: at(Math.floor(index / 16) * 10 + (index % 7) + 9),
    ...more(index),
  }));
}

function stored(nodes: readonly GivenNode[]): GraphStore {
  const store = new GraphStore(RUN);
  for (let start = 0; start < nodes.length; start += 10_000)
    store.apply({ flow_run_id: RUN, nodes: nodes.slice(start, start + 10_000) });
  return store;
}

/** A hundred thousand tasks that no map holds; each waited for two of the hundred before it. */
const single = tasks((index) => ({
  parents: index < 100 ? [] : [idOf(index - 100 + (index % 3)), idOf(index - 1 - (index % 90))],
}));
const mapped = tasks((index) => ({ map_id: "m", map_index: index, parents: [] }));
const singles = stored(single).snapshot();
const items = stored(mapped).snapshot();
const map = items.kinds.indexOf("map");
const OPTIONS = { iterations: 8, warmupIterations: 2, time: 0 };

function laid(name: string, nodes: Nodes, kind: "time" | "dependencies", opened: number[] = []): void {
  bench(name, () => void layOut(nodes, { kind, opened: new Set(opened), now: NOW }), OPTIONS);
}

describe("layout of 100,000 nodes", () => {
  laid("time", singles, "time");
  laid("dependencies", singles, "dependencies");
  laid("time, one map, folded", items, "time");
  laid("time, one map, opened", items, "time", [map]);
  laid("dependencies, one map, opened", items, "dependencies", [map]);
  bench("critical path", () => void criticalPath(singles, NOW), OPTIONS);
});

describe("store of 100,000 nodes", () => {
  bench("ten pages and a snapshot", () => void stored(single).snapshot(), OPTIONS);
  bench("ten pages of one map and a snapshot", () => void stored(mapped).snapshot(), OPTIONS);
  const store = stored(mapped);
  let turn = 0;
  const refreshed = (): void => {
    turn += 1;
    const nodes = mapped.slice(0, 500).map((node) => ({ ...node, end_time: at(turn) }));
    store.apply({ flow_run_id: RUN, nodes });
    store.snapshot();
  };
  bench("a refresh of 500 and a snapshot", refreshed, OPTIONS);
});
