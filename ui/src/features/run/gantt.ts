import type { Schemas } from "@/api/client";

export type Node = Schemas["GraphNode"];

/** A line of the timeline: one task run or subflow run, or all items of one `map`. */
export interface Line {
  key: string;
  label: string;
  nodes: Node[];
  start: number | null;
  end: number | null;
  /** How many of its nodes are in which state. */
  states: [type: string, count: number][];
  folded: boolean;
}

/** Maps of fewer items than this are drawn one by one. */
export const FOLD_FROM = 8;

function moments(nodes: readonly Node[], now: number): { start: number | null; end: number | null } {
  let start: number | null = null;
  let end: number | null = null;
  for (const node of nodes) {
    if (node.start_time == null) continue;
    const from = Date.parse(node.start_time);
    const to = node.end_time == null ? now : Date.parse(node.end_time);
    start = start === null ? from : Math.min(start, from);
    end = end === null ? to : Math.max(end, to);
  }
  return { start, end };
}

function counted(nodes: readonly Node[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const type = node.state_type ?? "PENDING";
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}

function line(key: string, label: string, nodes: Node[], folded: boolean, now: number): Line {
  return { key, label, nodes, folded, states: counted(nodes), ...moments(nodes, now) };
}

/** The lines of a graph, in the order in which they began; maps that are not opened are one line each. */
export function lines(nodes: readonly Node[], opened: ReadonlySet<string>, now: number): Line[] {
  const maps = new Map<string, Node[]>();
  for (const node of nodes) {
    if (node.map_id == null) continue;
    const items = maps.get(node.map_id);
    if (items === undefined) maps.set(node.map_id, [node]);
    else items.push(node);
  }
  const made: Line[] = [];
  for (const node of nodes) {
    const items = node.map_id == null ? undefined : maps.get(node.map_id);
    if (items === undefined || items.length < FOLD_FROM || node.map_id == null) {
      made.push(line(node.id, node.label, [node], false, now));
    } else if (items[0] === node) {
      made.push(
        line(
          node.map_id,
          `${node.label.replace(/-\d+$/, "")} × ${items.length.toLocaleString()}`,
          items,
          true,
          now,
        ),
      );
      if (opened.has(node.map_id))
        made.push(...items.map((one) => line(one.id, `   ${one.label}`, [one], false, now)));
    }
  }
  return made;
}

/** From when to when the timeline goes, in milliseconds. */
export function extent(
  all: readonly Line[],
  begin: string | null | undefined,
  now: number,
): [number, number] {
  let from = begin == null ? Infinity : Date.parse(begin);
  let to = -Infinity;
  for (const one of all) {
    if (one.start !== null) from = Math.min(from, one.start);
    if (one.end !== null) to = Math.max(to, one.end);
  }
  if (!Number.isFinite(from)) from = now;
  return [from, Math.max(to, from + 1)];
}

/**
 * The nodes of the longest chain: from the one that ended last back, always over the parent that ended last. What
 * would have to be faster for the run to be faster.
 */
export function criticalPath(nodes: readonly Node[]): Set<string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ended = (node: Node): number => (node.end_time == null ? -Infinity : Date.parse(node.end_time));
  const latest = (some: readonly Node[]): Node | undefined =>
    some.reduce<Node | undefined>(
      (best, one) => (best === undefined || ended(one) > ended(best) ? one : best),
      undefined,
    );
  const path = new Set<string>();
  let at = latest(nodes.filter((node) => node.end_time != null));
  while (at !== undefined && !path.has(at.id)) {
    path.add(at.id);
    at = latest((at.parents ?? []).flatMap((id) => byId.get(id) ?? []));
  }
  return path;
}
