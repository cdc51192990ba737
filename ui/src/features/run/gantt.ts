import { visible } from "@/graph/layout/visible";
import type { Nodes } from "@/graph/types";

/** A line of the timeline: a node of the graph, and how deep it lies in others. */
export interface Line {
  row: number;
  depth: number;
}

/**
 * The lines of a graph, in the order in which they began, each followed by what it holds. Maps and subflows that are
 * not opened are one line each; what has not begun comes last.
 */
export function lines(nodes: Nodes, opened: ReadonlySet<number>): Line[] {
  const { shown, top, held } = visible(nodes, opened);
  const startOf = (place: number): number => {
    const started = nodes.started[shown[place] ?? 0] ?? NaN;
    return Number.isNaN(started) ? Infinity : started;
  };
  const made: Line[] = [];
  const add = (places: readonly number[], depth: number): void => {
    const sorted = [...places].sort((one, other) => {
      const [first, second] = [startOf(one), startOf(other)];
      return first === second ? one - other : first - second;
    });
    for (const place of sorted) {
      made.push({ row: shown[place] ?? 0, depth });
      const within = held.get(place);
      if (within !== undefined) add(within, depth + 1);
    }
  };
  add(top, 0);
  return made;
}

/** Until when a node goes, in milliseconds: what has not ended goes until now. NaN: it has not begun. */
export function endOf(nodes: Nodes, row: number, now: number): number {
  const started = nodes.started[row] ?? NaN;
  if (Number.isNaN(started)) return NaN;
  const ended = nodes.ended[row] ?? NaN;
  return Math.max(started, Number.isNaN(ended) ? now : ended);
}

/** From when to when the timeline goes, in milliseconds. */
export function extent(
  nodes: Nodes,
  all: readonly Line[],
  begin: string | null | undefined,
  now: number,
): [number, number] {
  let from = begin == null ? Infinity : Date.parse(begin);
  let to = -Infinity;
  for (const { row } of all) {
    const started = nodes.started[row] ?? NaN;
    if (started < from) from = started;
    const end = endOf(nodes, row, now);
    if (end > to) to = end;
  }
  if (!Number.isFinite(from)) from = now;
  return [from, Math.max(to, from + 1)];
}
