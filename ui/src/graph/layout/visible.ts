import type { LayoutNodes } from "../types";
import { SMALL_FROM } from "./sizes";

const NONE = -1;
const UNDECIDED = -2;

/** What of a graph is shown, and what shows the rest. A **place** is an index of `shown`. */
export interface Visible {
  readonly nodes: LayoutNodes;
  readonly shown: Int32Array<ArrayBuffer>;
  /** By row: the place of the node itself, or of what is shown in its stead. */
  readonly placeOf: Int32Array;
  /** By place: the place of what holds it; -1 for none. */
  readonly holderOf: Int32Array;
  /** Places that nothing holds, and what each place holds. */
  readonly top: readonly number[];
  readonly held: ReadonlyMap<number, readonly number[]>;
}

/** A task is shown with what it called; a map and a subflow hide what is in them until they are opened. */
export function visible(nodes: LayoutNodes, opened: ReadonlySet<number>): Visible {
  const { count, holders, kinds } = nodes;
  const standIn = new Int32Array(count).fill(UNDECIDED);
  const path: number[] = [];
  for (let first = 0; first < count; first += 1) {
    let row = first;
    while (row !== NONE && standIn[row] === UNDECIDED) {
      standIn[row] = NONE; // seen
      path.push(row);
      row = holders[row] ?? NONE;
    }
    let above = row === NONE ? NONE : (standIn[row] ?? NONE);
    for (let holder = row; path.length > 0;) {
      const mine = path.pop() ?? NONE;
      const isHidden =
        above !== NONE && (above !== holder || (kinds[holder] !== "task-run" && !opened.has(holder)));
      above = standIn[mine] = isHidden ? above : mine;
      holder = mine;
    }
  }
  return placed(nodes, standIn);
}

function placed(nodes: LayoutNodes, standIn: Int32Array): Visible {
  const { count, holders } = nodes;
  const placeOf = new Int32Array(count);
  const shown = new Int32Array(count);
  let size = 0;
  for (let row = 0; row < count; row += 1) {
    if (standIn[row] !== row) continue;
    placeOf[row] = size;
    shown[size++] = row;
  }
  for (let row = 0; row < count; row += 1) placeOf[row] = placeOf[standIn[row] ?? row] ?? NONE;
  const holderOf = new Int32Array(size);
  const top: number[] = [];
  const held = new Map<number, number[]>();
  for (let place = 0; place < size; place += 1) {
    const holder = holders[shown[place] ?? NONE] ?? NONE;
    const above = holder === NONE ? NONE : (placeOf[holder] ?? NONE);
    holderOf[place] = above;
    if (above === NONE) top.push(place);
    else if (held.has(above)) held.get(above)?.push(place);
    else held.set(above, [place]);
  }
  return { nodes, shown: shown.slice(0, size), placeOf, holderOf, top, held };
}

/**
 * What waited for what among the nodes that are shown, as pairs of places: what is hidden is spoken for by what shows
 * it, and the items of a great map by the map, opened or not. Each pair once; nothing points to itself, to what holds it
 * or to what it holds.
 */
export function shownEdges({ nodes, shown, placeOf, holderOf, held }: Visible): Int32Array<ArrayBuffer> {
  const { count, parents, parentStarts } = nodes;
  const pairs = new Int32Array(parents.length * 2);
  const lifted = new Set<number>();
  const speaksForOthers = (place: number): boolean => nodes.kinds[shown[place] ?? NONE] !== "task-run";
  const speaker = new Int32Array(shown.length);
  for (let place = 0; place < shown.length; place += 1) {
    const holder = holderOf[place] ?? NONE;
    const isOfMany =
      nodes.kinds[shown[holder] ?? NONE] === "map" && (held.get(holder)?.length ?? 0) >= SMALL_FROM;
    speaker[place] = isOfMany ? holder : place;
  }
  let end = 0;
  for (let row = 0; row < count; row += 1) {
    const stop = parentStarts[row + 1] ?? 0;
    for (let at = parentStarts[row] ?? 0; at < stop; at += 1) {
      const from = speaker[placeOf[parents[at] ?? row] ?? NONE] ?? NONE;
      const to = speaker[placeOf[row] ?? NONE] ?? NONE;
      if (from === to || holds(holderOf, from, to) || holds(holderOf, to, from)) continue;
      if (speaksForOthers(from) || speaksForOthers(to)) {
        const pair = from * count + to;
        if (lifted.has(pair)) continue;
        lifted.add(pair);
      }
      pairs[end++] = from;
      pairs[end++] = to;
    }
  }
  return pairs.slice(0, end);
}

function holds(holderOf: Int32Array, holder: number, place: number): boolean {
  for (let above = holderOf[place] ?? NONE; above !== NONE; above = holderOf[above] ?? NONE)
    if (above === holder) return true;
  return false;
}
