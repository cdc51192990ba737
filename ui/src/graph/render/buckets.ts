/**
 * Which nodes lie in a part of the layout, without looking at all of them: nodes are put into stripes by their height,
 * and in each stripe ordered from left to right. Lines over time are one stripe each, whatever their length.
 */

import type { Layout } from "../types";
import type { Box } from "./camera";

/** No more stripes than this, however high the layout. */
const MOST_STRIPES = 131_072;

/** Nodes that reach over more stripes than this (opened maps and subflows) are kept in a list of their own. */
const TALL = 4;

export class Buckets {
  private readonly stripe: number;
  private readonly top: number;
  private readonly count: number;
  private readonly starts: Int32Array;
  private readonly places: Int32Array;
  /** Of each stripe, the widest node: how far to the left one must begin to look. */
  private readonly widest: Float64Array;
  private readonly tall: number[] = [];

  constructor(private readonly layout: Layout) {
    const { extent, shown } = layout;
    this.top = extent.y;
    this.count = Math.max(1, Math.min(MOST_STRIPES, Math.ceil(extent.height)));
    this.stripe = Math.max(extent.height, 1e-9) / this.count;
    this.starts = new Int32Array(this.count + 1);
    this.widest = new Float64Array(this.count);
    for (let place = 0; place < shown.length; place += 1) {
      const [first, last] = this.stripesOf(place);
      if (last - first >= TALL) this.tall.push(place);
      else for (let at = first; at <= last; at += 1) this.starts[at + 1] = (this.starts[at + 1] ?? 0) + 1;
    }
    for (let at = 0; at < this.count; at += 1)
      this.starts[at + 1] = (this.starts[at + 1] ?? 0) + (this.starts[at] ?? 0);
    this.places = new Int32Array(this.starts[this.count] ?? 0);
    this.fill();
    this.order();
  }

  /** Calls `found` with the place of each node that touches the box, larger ones first; none twice. */
  within(box: Box, found: (place: number) => void): void {
    const { x, width, y, height } = this.layout;
    const right = box.x + box.width;
    const bottom = box.y + box.height;
    const touches = (place: number): boolean =>
      (x[place] ?? 0) <= right &&
      (x[place] ?? 0) + (width[place] ?? 0) >= box.x &&
      (y[place] ?? 0) < bottom &&
      (y[place] ?? 0) + (height[place] ?? 0) > box.y;
    for (const place of this.tall) if (touches(place)) found(place);
    const first = this.stripeAt(box.y);
    const last = this.stripeAt(bottom);
    for (let stripe = first; stripe <= last; stripe += 1) {
      const end = this.starts[stripe + 1] ?? 0;
      for (let at = this.firstFrom(stripe, box.x - (this.widest[stripe] ?? 0)); at < end; at += 1) {
        const place = this.places[at] ?? 0;
        if ((x[place] ?? 0) > right) break;
        // Who reaches into several stripes is told of once: in the first that is looked at.
        if (touches(place) && Math.max(this.stripeAt(y[place] ?? 0), first) === stripe) found(place);
      }
    }
  }

  private stripeAt(y: number): number {
    return Math.min(this.count - 1, Math.max(0, Math.floor((y - this.top) / this.stripe)));
  }

  private stripesOf(place: number): [number, number] {
    const top = this.layout.y[place] ?? 0;
    const bottom = top + (this.layout.height[place] ?? 0);
    return [this.stripeAt(top), this.stripeAt(bottom - this.stripe * 1e-6)];
  }

  private fill(): void {
    const next = this.starts.slice();
    const tall = new Set(this.tall);
    for (let place = 0; place < this.layout.shown.length; place += 1) {
      if (tall.has(place)) continue;
      const [first, last] = this.stripesOf(place);
      for (let at = first; at <= last; at += 1) {
        const slot = next[at] ?? 0;
        this.places[slot] = place;
        next[at] = slot + 1;
        this.widest[at] = Math.max(this.widest[at] ?? 0, this.layout.width[place] ?? 0);
      }
    }
  }

  private order(): void {
    const x = this.layout.x;
    for (let stripe = 0; stripe < this.count; stripe += 1) {
      const part = this.places.subarray(this.starts[stripe], this.starts[stripe + 1]);
      let sorted = true;
      for (let at = 1; at < part.length && sorted; at += 1)
        sorted = (x[part[at - 1] ?? 0] ?? 0) <= (x[part[at] ?? 0] ?? 0);
      if (!sorted) part.sort((one, other) => (x[one] ?? 0) - (x[other] ?? 0));
    }
  }

  /** The first of a stripe that begins at or after `x`. */
  private firstFrom(stripe: number, x: number): number {
    let low = this.starts[stripe] ?? 0;
    let high = this.starts[stripe + 1] ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.layout.x[this.places[middle] ?? 0] ?? 0) < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
