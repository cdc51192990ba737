import type { Nodes } from "../types";

const NONE = -1;

/**
 * What the end of a run waited for, from the first to the last: of what nothing holds, the node that ended last, what it
 * waited for longest, and so on. What still runs ends `now`; what has not started is no part of it.
 */
export function criticalPath(nodes: Nodes, now: number): Int32Array<ArrayBuffer> {
  const ends = endsOf(nodes, now);
  const lastItems = lastOfMaps(nodes, ends);
  const later = (row: number, best: number): number => {
    if (best === NONE) return Number.isNaN(ends[row]) ? NONE : row;
    const [mine, its] = [ends[row] ?? NaN, ends[best] ?? NaN];
    // Of what ends together, the one that took longer.
    return mine > its || (mine === its && begun(nodes, row) < begun(nodes, best)) ? row : best;
  };
  let row = NONE;
  for (let each = 0; each < nodes.count; each += 1) if (nodes.holders[each] === NONE) row = later(each, row);
  const path: number[] = [];
  const seen = new Set<number>();
  while (row !== NONE && !seen.has(row)) {
    seen.add(row);
    path.push(row);
    row = before(nodes, row, lastItems, later);
  }
  return Int32Array.from(path.reverse());
}

/** What a node waited for longest; what is in another waited for what that waited for. */
function before(
  nodes: Nodes,
  row: number,
  lastItems: ReadonlyMap<number, number>,
  later: (row: number, best: number) => number,
): number {
  for (let at = row; at !== NONE; at = nodes.holders[at] ?? NONE) {
    const best = latestParent(nodes, at, later);
    if (best !== NONE) return topOf(nodes, best);
    // A map that its items made is linked by them.
    const item = lastItems.get(at) ?? NONE;
    const ofItem = item === NONE ? NONE : latestParent(nodes, item, later);
    if (ofItem !== NONE) return topOf(nodes, ofItem);
  }
  return NONE;
}

function latestParent(nodes: Nodes, row: number, later: (row: number, best: number) => number): number {
  let best = NONE;
  const stop = nodes.parentStarts[row + 1] ?? 0;
  for (let at = nodes.parentStarts[row] ?? 0; at < stop; at += 1)
    best = later(nodes.parents[at] ?? NONE, best);
  return best;
}

/** The map, instead of its item: one of a hundred thousand tells nobody anything. */
function topOf(nodes: Nodes, row: number): number {
  const holder = nodes.holders[row] ?? NONE;
  return holder !== NONE && nodes.kinds[holder] === "map" ? holder : row;
}

function begun(nodes: Nodes, row: number): number {
  const started = nodes.started[row] ?? NaN;
  return Number.isNaN(started) ? Infinity : started;
}

function endsOf({ count, started, ended }: Nodes, now: number): Float64Array {
  const ends = new Float64Array(count);
  for (let row = 0; row < count; row += 1) {
    const end = ended[row] ?? NaN;
    ends[row] = Number.isNaN(end) && !Number.isNaN(started[row]) ? now : end;
  }
  return ends;
}

function lastOfMaps(nodes: Nodes, ends: Float64Array): Map<number, number> {
  const last = new Map<number, number>();
  for (let row = 0; row < nodes.count; row += 1) {
    const holder = nodes.holders[row] ?? NONE;
    if (holder === NONE || nodes.kinds[holder] !== "map") continue;
    const best = last.get(holder);
    if (best === undefined || (ends[row] ?? NaN) > (ends[best] ?? NaN)) last.set(holder, row);
  }
  return last;
}
