/** Graphs of any size for tests and for measuring, the same each time: stages of tasks that wait for the one before. */

import { GAP, NODE_WIDTH } from "../layout/sizes";
import { codeOf } from "../tally";
import { type Layout, type LayoutKind, type NodeKind, type Nodes, type StateCode } from "../types";

const START = Date.parse("2026-11-22T03:00:00Z");
const STAGES = ["extract", "clean", "join", "score", "check", "load", "publish"];

/** Numbers that look random, from 0 to before 1. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` task runs: `wide` at once, each after one or two of the stage before; two in a hundred failed. */
export function someNodes(count: number, wide = 100): Nodes {
  const roll = dice(7);
  const states = new Uint8Array(count);
  const started = new Float64Array(count);
  const ended = new Float64Array(count);
  const parents: number[] = [];
  const parentStarts = new Int32Array(count + 1);
  const labels: string[] = [];
  const kinds: NodeKind[] = [];
  for (let row = 0; row < count; row += 1) {
    const stage = Math.floor(row / wide);
    let ready = START;
    if (stage > 0) {
      const before = (stage - 1) * wide + (row % wide);
      const some = roll() < 0.3 ? [before, Math.max(0, before - 1)] : [before];
      for (const one of new Set(some)) {
        parents.push(one);
        ready = Math.max(ready, ended[one] ?? START);
      }
    }
    parentStarts[row + 1] = parents.length;
    started[row] = ready + roll() * 200;
    ended[row] = (started[row] ?? 0) + 200 + roll() ** 3 * 4000;
    const fate = roll();
    states[row] = codeOf(fate < 0.02 ? "FAILED" : fate < 0.03 ? "CANCELLED" : "COMPLETED");
    labels.push(`${STAGES[stage % STAGES.length] ?? "task"}-${row}`);
    kinds.push("task-run");
  }
  return {
    count,
    ids: labels,
    labels,
    kinds,
    states,
    started,
    ended,
    holders: new Int32Array(count).fill(-1),
    sizes: new Int32Array(count).fill(1),
    indexes: new Int32Array(count).fill(-1),
    histograms: new Map<number, ReadonlyMap<StateCode, number>>(),
    parents: Int32Array.from(parents),
    parentStarts,
    childRuns: new Map(),
    maps: new Map(),
  };
}

/** A plain layout: by stages to the right, or a line each over time in the order of beginning. */
export function plainLayout(nodes: Nodes, kind: LayoutKind, wide = 100): Layout {
  const { count } = nodes;
  const shown = Int32Array.from({ length: count }, (_, row) => row);
  if (kind === "time") shown.sort((one, other) => (nodes.started[one] ?? 0) - (nodes.started[other] ?? 0));
  const x = new Float64Array(count);
  const y = new Float64Array(count);
  const width = new Float64Array(count);
  const height = new Float64Array(count);
  const placeOf = new Int32Array(count);
  let right = 0;
  for (let place = 0; place < count; place += 1) {
    const row = shown[place] ?? 0;
    placeOf[row] = place;
    const started = nodes.started[row] ?? START;
    x[place] = kind === "time" ? started : Math.floor(row / wide) * (NODE_WIDTH + GAP);
    y[place] = kind === "time" ? place : row % wide;
    width[place] = kind === "time" ? ((nodes.ended[row] ?? started) || started) - started : NODE_WIDTH;
    height[place] = 1;
    right = Math.max(right, (x[place] ?? 0) + (width[place] ?? 0));
  }
  const edges: number[] = [];
  for (let row = 0; row < count; row += 1)
    for (let at = nodes.parentStarts[row] ?? 0; at < (nodes.parentStarts[row + 1] ?? 0); at += 1)
      edges.push(placeOf[nodes.parents[at] ?? 0] ?? 0, placeOf[row] ?? 0);
  const left = kind === "time" ? START : 0;
  const deep = kind === "time" ? count : wide;
  return {
    kind,
    shown,
    x,
    y,
    width,
    height,
    edges: Int32Array.from(edges),
    extent: { x: left, y: 0, width: right - left, height: deep },
  };
}
