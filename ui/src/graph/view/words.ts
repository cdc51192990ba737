/** Nodes in words, for tooltips, the panel and who cannot see the picture. */

import { stateWord } from "@/lib/states";
import { duration } from "@/lib/time";

import { gravity } from "../render/scene";
import { nameOf } from "../names";
import { type Nodes, STATES, type StateCode, UNKNOWN_STATE } from "../types";

/** Whether a node has something in it that can be shown. */
export function canOpen(nodes: Nodes, row: number): boolean {
  return nodes.kinds[row] === "map" || nodes.childRuns.has(row);
}

export function stateOf(nodes: Nodes, row: number): string {
  const type = STATES[nodes.states[row] ?? UNKNOWN_STATE];
  return type === undefined ? "Not begun" : stateWord(type);
}

export function took(nodes: Nodes, row: number, now: number): string {
  const started = nodes.started[row] ?? NaN;
  if (Number.isNaN(started)) return "";
  const ended = nodes.ended[row] ?? NaN;
  return duration(Math.max(0, (Number.isNaN(ended) ? now : ended) - started) / 1000);
}

/** States of a map's items with their counts, the gravest first. */
export function countsOf(nodes: Nodes, row: number): [StateCode, number][] {
  return [...(nodes.histograms.get(row) ?? [])].sort(
    ([one], [other]) => gravity(other) - gravity(one) || one - other,
  );
}

/** `fetch × 200: 3 failed, 197 completed` */
export function inWords(nodes: Nodes, row: number, now: number): string {
  const counts = countsOf(nodes, row).map(
    ([state, count]) => `${count.toLocaleString()} ${stateWord(STATES[state]).toLowerCase()}`,
  );
  const state = counts.length > 0 ? counts.join(", ") : stateOf(nodes, row).toLowerCase();
  const time = took(nodes, row, now);
  return `${nameOf(nodes, row)}, ${state}${time === "" ? "" : `, ${time}`}`;
}

/** What all nodes come to: items in their maps' counts, each once. */
export function totals(nodes: Nodes): Map<StateCode, number> {
  const found = new Map<StateCode, number>();
  const add = (state: StateCode, count: number): void =>
    void found.set(state, (found.get(state) ?? 0) + count);
  for (let row = 0; row < nodes.count; row += 1) {
    const inside = nodes.histograms.get(row);
    if (inside !== undefined) for (const [state, count] of inside) add(state, count);
    else if (!nodes.histograms.has(nodes.holders[row] ?? -1)) add(nodes.states[row] ?? UNKNOWN_STATE, 1);
  }
  return found;
}
