import type { Layout } from "../types";
import { Boxes } from "./boxes";
import { type Level, order, place as placeInLayers } from "./layers";
import { CELL, GAP, NODE_WIDTH, SMALL_FROM } from "./sizes";
import { shownEdges, type Visible } from "./visible";

interface Size {
  width: number;
  height: number;
}

/**
 * From left to right: each node right of all that it waited for. What is in an opened map or subflow, or was called by
 * a task, lies in a block of its own below its holder.
 */
export function layOutDependencies(visible: Visible): Layout {
  const edges = shownEdges(visible);
  const laying = new Laying(visible, edges);
  laying.layOut(visible.top, -1);
  const { x, y, width, height } = laying.boxes;
  const forward = laying.forward(edges);
  return {
    kind: "dependencies",
    shown: visible.shown,
    x,
    y,
    width,
    height,
    edges: forward,
    extent: laying.boxes.extent(),
  };
}

class Laying {
  readonly boxes: Boxes;
  /** By the place of a holder, -1 for none: the edges between what it holds, as pairs. */
  private readonly edgesIn = new Map<number, number[]>();
  private readonly depths: Int32Array;

  constructor(
    private readonly visible: Visible,
    edges: Int32Array,
  ) {
    this.boxes = new Boxes(visible.shown.length, visible.held);
    this.depths = depthsOf(visible);
    for (let at = 0; at < edges.length; at += 2) this.sort(edges[at] ?? 0, edges[at + 1] ?? 0);
  }

  /** Lay out what has the same holder from zero on. */
  layOut(places: readonly number[], holder: number): Size {
    const pairs = this.edgesIn.get(holder) ?? [];
    const sizes = new Map<number, Size>();
    for (const place of places) {
      const within = this.visible.held.get(place);
      if (within !== undefined) sizes.set(place, this.layOutHolder(place, within));
    }
    const small = holder !== -1 && this.isMap(holder) && sizes.size === 0 && places.length >= SMALL_FROM;
    const usual = small ? { width: CELL, height: CELL } : { width: NODE_WIDTH, height: 1 };
    const sizeOf = (place: number): Size => sizes.get(place) ?? usual;
    const linked = new Set(pairs);
    const layered = this.putLayered(
      places.filter((place) => linked.has(place)),
      pairs,
      sizeOf,
    );
    const loose = places.filter((place) => !linked.has(place));
    if (holder !== -1 && this.isMap(holder))
      loose.sort((one, other) => this.indexOf(one) - this.indexOf(other));
    return this.putLoose(loose, sizeOf, layered, small ? 0 : GAP);
  }

  /** The edges that go forward. What waits for each other in a circle, as folded nodes may, has one that does not. */
  forward(edges: Int32Array): Int32Array<ArrayBuffer> {
    const { x, width } = this.boxes;
    const kept = new Int32Array(edges.length);
    let end = 0;
    for (let at = 0; at < edges.length; at += 2) {
      const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
      if ((x[from] ?? 0) + (width[from] ?? 0) > (x[to] ?? 0)) continue;
      kept[end++] = from;
      kept[end++] = to;
    }
    return kept.slice(0, end);
  }

  private layOutHolder(place: number, within: readonly number[]): Size {
    const inner = this.layOut(within, place);
    for (const each of within) this.boxes.move(each, 0, 1);
    return { width: Math.max(NODE_WIDTH, inner.width), height: inner.height + 1 };
  }

  /** Layers from left to right; each as wide as the widest in it. */
  private putLayered(
    places: readonly number[],
    pairs: readonly number[],
    sizeOf: (place: number) => Size,
  ): Size {
    if (places.length === 0) return { width: 0, height: 0 };
    const level: Level = order(places, pairs, (place) => sizeOf(place).height);
    const tops = placeInLayers(level);
    let x = 0;
    let height = 0;
    for (const layer of level.layers) {
      let widest = 0;
      for (const node of layer) {
        const place = places[node] ?? 0;
        const size = sizeOf(place);
        this.put(place, x, tops[node] ?? 0, size);
        widest = Math.max(widest, size.width);
        height = Math.max(height, (tops[node] ?? 0) + size.height);
      }
      x += widest + GAP;
    }
    return { width: x - GAP, height };
  }

  /** What waited for nothing, and nothing for it, in rows below the rest. */
  private putLoose(
    places: readonly number[],
    sizeOf: (place: number) => Size,
    above: Size,
    gap: number,
  ): Size {
    if (places.length === 0) return above;
    let area = 0;
    for (const place of places) area += (sizeOf(place).width + gap) * sizeOf(place).height;
    const limit = Math.max(above.width, Math.sqrt(area * 2));
    let [x, y, rowHeight, width] = [0, above.height, 0, above.width];
    for (const place of places) {
      const size = sizeOf(place);
      if (x > 0 && x + size.width > limit) {
        y += rowHeight;
        x = rowHeight = 0;
      }
      this.put(place, x, y, size);
      width = Math.max(width, x + size.width);
      rowHeight = Math.max(rowHeight, size.height);
      x += size.width + gap;
    }
    return { width, height: y + rowHeight };
  }

  private put(place: number, x: number, y: number, size: Size): void {
    const within = this.visible.held.get(place);
    // A node that shows what is in it is the head of its block.
    const isHead = within !== undefined;
    this.boxes.put(place, x, y, isHead ? NODE_WIDTH : size.width, isHead ? 1 : size.height);
    for (const each of within ?? []) this.boxes.move(each, x, y);
  }

  /** An edge is one of the innermost holder that has both its ends, between those that it holds. */
  private sort(from: number, to: number): void {
    const { holderOf } = this.visible;
    let [one, other] = [from, to];
    while ((this.depths[one] ?? 0) > (this.depths[other] ?? 0)) one = holderOf[one] ?? -1;
    while ((this.depths[other] ?? 0) > (this.depths[one] ?? 0)) other = holderOf[other] ?? -1;
    while (holderOf[one] !== holderOf[other]) {
      one = holderOf[one] ?? -1;
      other = holderOf[other] ?? -1;
    }
    const pairs = this.edgesIn.get(holderOf[one] ?? -1);
    if (pairs === undefined) this.edgesIn.set(holderOf[one] ?? -1, [one, other]);
    else pairs.push(one, other);
  }

  private isMap(place: number): boolean {
    return this.visible.nodes.kinds[this.visible.shown[place] ?? 0] === "map";
  }

  private indexOf(place: number): number {
    return this.visible.nodes.indexes[this.visible.shown[place] ?? 0] ?? 0;
  }
}

function depthsOf({ holderOf, top, held }: Visible): Int32Array {
  const depths = new Int32Array(holderOf.length);
  const queue = [...top];
  for (let at = 0; at < queue.length; at += 1) {
    const place = queue[at] ?? 0;
    for (const inner of held.get(place) ?? []) {
      depths[inner] = (depths[place] ?? 0) + 1;
      queue.push(inner);
    }
  }
  return depths;
}
