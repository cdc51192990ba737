import type { Layout } from "../types";
import { Boxes } from "./boxes";
import { Heap } from "./heap";
import { Lanes } from "./lanes";
import { shownEdges, type Visible } from "./visible";

/** A graph is at least so long; milliseconds. */
const SHORTEST = 1;

/** Into how many parts the whole time is cut at least: what is shorter than one is given the room of one. */
const PARTS = 200;

/** The part of the whole time that what has not started takes behind what has. */
const WAITING_ROOM = 0.25;

/** Over time: from its start to its end, in as few lanes as there is room in; below a node lies what it holds. */
export function layOutTime(visible: Visible, now: number): Layout {
  const packing = new Packing(visible, now);
  packing.pack(visible.top);
  const { x, y, width, height } = packing.boxes;
  const extent = packing.boxes.extent();
  return { kind: "time", shown: visible.shown, x, y, width, height, edges: shownEdges(visible), extent };
}

interface Block {
  left: number;
  right: number;
  rows: number;
}

class Packing {
  readonly boxes: Boxes;
  private readonly starts: Float64Array;
  private readonly ends: Float64Array;
  private readonly end: number;
  private readonly whole: number;
  /** What is shorter takes this much of its lane, so that there is room to draw it. */
  private readonly least: number;

  constructor(
    private readonly visible: Visible,
    now: number,
  ) {
    const { nodes, shown } = visible;
    this.boxes = new Boxes(shown.length, visible.held);
    this.starts = new Float64Array(shown.length);
    this.ends = new Float64Array(shown.length);
    let [first, last] = [Infinity, -Infinity];
    for (let place = 0; place < shown.length; place += 1) {
      const row = shown[place] ?? 0;
      const ended = nodes.ended[row] ?? NaN;
      const started = nodes.started[row] ?? NaN;
      const start = Number.isNaN(started) ? ended : started;
      const end = Number.isNaN(start) ? NaN : Math.max(start, Number.isNaN(ended) ? now : ended);
      this.starts[place] = start;
      this.ends[place] = end;
      if (start < first) first = start;
      if (end > last) last = end;
    }
    this.end = Math.max(now, last);
    this.whole = Math.max(last > first ? last - first : 0, SHORTEST);
    this.least = this.whole / Math.max(PARTS, shown.length / 4);
  }

  /** Lay out what has the same holder, with all that is in it, in lanes from zero on. */
  pack(places: readonly number[]): Block {
    const { held } = this.visible;
    const block: Block = { left: Infinity, right: -Infinity, rows: 0 };
    const lanes = new Lanes();
    const inner = new Map<number, Block>();
    const waiting: number[] = [];
    const begun: number[] = [];
    for (const place of places) {
      const within = held.get(place);
      if (within !== undefined) inner.set(place, this.packWithin(place, within));
      if (within === undefined && Number.isNaN(this.starts[place])) waiting.push(place);
      else begun.push(place);
    }
    for (const place of inOrder(begun, this.starts)) this.putBegun(place, inner.get(place), lanes, block);
    this.putWaiting(waiting, lanes, block);
    block.rows = lanes.count;
    return block;
  }

  private packWithin(place: number, within: readonly number[]): Block {
    const block = this.pack(within);
    if (Number.isNaN(this.starts[place])) this.starts[place] = this.ends[place] = this.end;
    block.left = Math.min(block.left, this.starts[place] ?? Infinity);
    block.right = Math.max(block.right, this.ends[place] ?? -Infinity);
    return block;
  }

  private putBegun(place: number, inner: Block | undefined, lanes: Lanes, block: Block): void {
    const start = this.starts[place] ?? 0;
    const end = this.ends[place] ?? 0;
    const left = inner?.left ?? start;
    const right = Math.max(inner?.right ?? end, left + this.least);
    const lane = inner === undefined ? lanes.take(left, right) : lanes.takeBlock(inner.rows + 1, left, right);
    this.boxes.put(place, start, lane, end - start, 1);
    for (const within of this.visible.held.get(place) ?? []) this.boxes.move(within, 0, lane + 1);
    if (left < block.left) block.left = left;
    if (right > block.right) block.right = right;
  }

  /** What has not started stands behind the present, side by side in the lanes that there are. */
  private putWaiting(waiting: readonly number[], lanes: Lanes, block: Block): void {
    if (waiting.length === 0) return;
    const count = Math.min(waiting.length, Math.max(lanes.count, Math.ceil(Math.sqrt(waiting.length / 2))));
    const width = (this.whole * WAITING_ROOM) / Math.max(10, Math.ceil(waiting.length / count));
    const ends = new Heap();
    for (let lane = 0; lane < Math.max(count, lanes.count); lane += 1)
      ends.push(Math.max(this.end, lanes.taken[lane] ?? 0), lane);
    for (const place of waiting) {
      const x = ends.least;
      const lane = ends.pop();
      this.boxes.put(place, x, lane, width, 1);
      ends.push(x + width, lane);
      block.right = Math.max(block.right, x + width);
    }
    block.left = Math.min(block.left, this.end);
    lanes.reach(count);
  }
}

/** Places by their start; they mostly are already. */
function inOrder(places: readonly number[], starts: Float64Array): Int32Array {
  const sorted = Int32Array.from(places);
  for (let at = 1; at < sorted.length; at += 1) {
    if ((starts[sorted[at - 1] ?? 0] ?? 0) <= (starts[sorted[at] ?? 0] ?? 0)) continue;
    return sorted.sort((one, other) => (starts[one] ?? 0) - (starts[other] ?? 0) || one - other);
  }
  return sorted;
}
