/** What is drawn: nodes and their layout, with what drawing asks of them again and again worked out once. */

import { NODE_WIDTH } from "../layout/sizes";
import { isOpen } from "../tally";
import { STATES, type Layout, type Nodes, type StateCode, UNKNOWN_STATE } from "../types";
import { Buckets } from "./buckets";
import type { Box } from "./camera";

/** Pixels of a card and of the row that it lies in, seen at full size. */
export const CARD_WIDTH = 188;
export const CARD_ROW = 60;
/** Pixels of a row over time. */
export const BAR_ROW = 28;
/** Part of a row that is left free above and below what lies in it. */
const FREE = 0.1;
/** Units that a frame reaches over what it holds, each way. */
const RIM = { x: 0.5, y: 0.12 };

export class Scene {
  readonly buckets: Buckets;
  /** Place in the layout of each row of the nodes; -1: not shown. */
  readonly placeOf: Int32Array;
  /** Places of what goes on: over time they grow without a new layout. */
  readonly going: readonly number[];
  /** Pixels per unit at which everything can be read. */
  readonly fullX: number;
  readonly fullY: number;
  /** What a moment is called in the layout over time: its milliseconds and this. */
  readonly origin: number;
  readonly overTime: boolean;
  /** By the place of what is opened: the box around it and all that it holds. */
  readonly frames: ReadonlyMap<number, Box>;
  /** All places, row by row from left to right. */
  readonly all: readonly number[];
  private readonly edgeStarts: Int32Array;
  private readonly edgeEnds: Int32Array;

  constructor(
    readonly nodes: Nodes,
    readonly layout: Layout,
    readonly opened: ReadonlySet<number>,
  ) {
    this.overTime = layout.kind === "time";
    this.buckets = new Buckets(layout);
    this.placeOf = new Int32Array(nodes.count).fill(-1);
    const going: number[] = [];
    let origin = NaN;
    for (let place = 0; place < layout.shown.length; place += 1) {
      const row = layout.shown[place] ?? 0;
      this.placeOf[row] = place;
      const started = nodes.started[row] ?? NaN;
      if (Number.isNaN(started)) continue;
      if (Number.isNaN(origin)) origin = (layout.x[place] ?? 0) - started;
      if (Number.isNaN(nodes.ended[row] ?? NaN) && isOpen(nodes.states[row] ?? UNKNOWN_STATE))
        going.push(place);
    }
    this.going = going;
    const all: number[] = [];
    this.buckets.within(layout.extent, (place) => all.push(place));
    this.all = all;
    this.origin = Number.isNaN(origin) ? 0 : origin;
    this.fullX = CARD_WIDTH / NODE_WIDTH;
    this.fullY = this.overTime ? BAR_ROW : CARD_ROW;
    this.frames = this.framed();
    [this.edgeStarts, this.edgeEnds] = this.linked();
  }

  row(place: number): number {
    return this.layout.shown[place] ?? 0;
  }

  state(place: number): StateCode {
    return this.nodes.states[this.row(place)] ?? UNKNOWN_STATE;
  }

  isOpened(place: number): boolean {
    return this.opened.has(this.row(place));
  }

  /** Where a node lies; what goes on ends now. */
  box(place: number, now: number): Box {
    const { x, y, width, height } = this.layout;
    return {
      x: x[place] ?? 0,
      y: y[place] ?? 0,
      width: Math.max(width[place] ?? 0, this.grown(place, now)),
      height: height[place] ?? 0,
    };
  }

  /** Places that touch a box. */
  within(box: Box, now: number): readonly number[] {
    const { x, y, width, height } = this.layout.extent;
    if (box.x <= x && box.y <= y && box.x + box.width >= x + width && box.y + box.height >= y + height)
      return this.all;
    const places: number[] = [];
    this.buckets.within(box, (place) => places.push(place));
    if (!this.overTime || this.going.length === 0) return places;
    const known = new Set(places);
    for (const place of this.going) {
      const one = this.box(place, now);
      const touches =
        one.x <= box.x + box.width &&
        one.x + one.width >= box.x &&
        one.y <= box.y + box.height &&
        one.y + one.height >= box.y;
      if (touches && !known.has(place)) places.push(place);
    }
    return places;
  }

  /** The extent of everything, until now where something goes on. */
  extent(now: number): Box {
    const { x, y, width, height } = this.layout.extent;
    const until = this.overTime && this.going.length > 0 ? now + this.origin - x : 0;
    return { x, y, width: Math.max(width, until), height };
  }

  /** Calls with the other end of each edge of a place, and whether the edge leads to it. */
  linksOf(place: number, found: (other: number, leads: boolean) => void): void {
    const edges = this.layout.edges;
    const end = this.edgeStarts[place + 1] ?? 0;
    for (let at = this.edgeStarts[place] ?? 0; at < end; at += 1) {
      const edge = this.edgeEnds[at] ?? 0;
      const from = edges[edge * 2] ?? 0;
      if (from === place) found(edges[edge * 2 + 1] ?? 0, true);
      else found(from, false);
    }
  }

  private grown(place: number, now: number): number {
    if (!this.overTime) return 0;
    const row = this.row(place);
    const started = this.nodes.started[row] ?? NaN;
    if (Number.isNaN(started) || !Number.isNaN(this.nodes.ended[row] ?? NaN)) return 0;
    return isOpen(this.nodes.states[row] ?? UNKNOWN_STATE) ? now - started : 0;
  }

  /** Whether an edge leads into or out of an opened map: each of its items has one, and all say the same. */
  crossesMap(from: number, to: number): boolean {
    const one = this.mapOf(from);
    const other = this.mapOf(to);
    return one !== other;
  }

  private mapOf(place: number): number {
    const holder = this.nodes.holders[this.row(place)] ?? -1;
    return holder >= 0 && this.nodes.kinds[holder] === "map" ? holder : -1;
  }

  private framed(): Map<number, Box> {
    const { holders } = this.nodes;
    const frames = new Map<number, Box>();
    for (let place = 0; place < this.layout.shown.length; place += 1) {
      const mine = this.box(place, 0);
      for (let row = holders[this.row(place)] ?? -1; row >= 0; row = holders[row] ?? -1) {
        const holder = this.placeOf[row] ?? -1;
        if (holder < 0) break;
        frames.set(holder, around(frames.get(holder) ?? this.box(holder, 0), mine));
      }
    }
    const rim = this.overTime ? { x: 0, y: RIM.y / 2 } : RIM;
    for (const [place, { x, y, width, height }] of frames)
      frames.set(place, { x: x - rim.x, y: y - rim.y, width: width + rim.x * 2, height: height + rim.y * 2 });
    return frames;
  }

  private linked(): [Int32Array, Int32Array] {
    const { edges, shown } = this.layout;
    const starts = new Int32Array(shown.length + 1);
    for (const place of edges) starts[place + 1] = (starts[place + 1] ?? 0) + 1;
    for (let at = 0; at < shown.length; at += 1) starts[at + 1] = (starts[at + 1] ?? 0) + (starts[at] ?? 0);
    const next = starts.slice();
    const ends = new Int32Array(edges.length);
    for (let at = 0; at < edges.length; at += 1) {
      const place = edges[at] ?? 0;
      const slot = next[place] ?? 0;
      ends[slot] = at >> 1;
      next[place] = slot + 1;
    }
    return [starts, ends];
  }
}

function around(one: Box, other: Box): Box {
  const x = Math.min(one.x, other.x);
  const y = Math.min(one.y, other.y);
  return {
    x,
    y,
    width: Math.max(one.x + one.width, other.x + other.width) - x,
    height: Math.max(one.y + one.height, other.y + other.height) - y,
  };
}

/** What is drawn of a row: a little is left free above and below, so that rows are told apart. */
export function inRow(box: Box): Box {
  const free = box.height > 5 ? box.height * FREE : box.height > 2 ? 0.5 : 0;
  const side = box.width < 40 && box.width > 5 ? 0.75 : 0;
  return { x: box.x + side, y: box.y + free, width: box.width - side * 2, height: box.height - free * 2 };
}

/** States that must not be lost among many others, the gravest last. */
const GRAVITY: ReadonlyMap<string, number> = new Map([
  ["COMPLETED", 0],
  ["SCHEDULED", 1],
  ["PENDING", 1],
  ["CANCELLED", 2],
  ["PAUSED", 2],
  ["CANCELLING", 2],
  ["RUNNING", 3],
  ["CRASHED", 4],
  ["FAILED", 5],
]);

/** How much a state asks to be seen. */
export function gravity(state: StateCode): number {
  return GRAVITY.get(STATES[state] ?? "") ?? 1;
}
