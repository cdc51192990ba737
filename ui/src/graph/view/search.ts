/** Finding nodes by a part of their name. */

import type { Nodes } from "../types";

/** Rows whose name has the text in it, whatever its case; null: nothing is searched for. */
export function matching(nodes: Nodes, text: string): number[] | null {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return null;
  const found: number[] = [];
  for (let row = 0; row < nodes.count; row += 1)
    if ((nodes.labels[row] ?? "").toLowerCase().includes(wanted) || nodes.ids[row] === wanted)
      found.push(row);
  return found;
}

/** What is shown of a row: itself, or what holds it and is not opened. */
export function shownFor(nodes: Nodes, placeOf: Int32Array, row: number): number {
  for (let at = row; at >= 0; at = nodes.holders[at] ?? -1) if ((placeOf[at] ?? -1) >= 0) return at;
  return -1;
}

/** What must be opened for a row to be shown. */
export function holdersOf(nodes: Nodes, row: number): number[] {
  const found: number[] = [];
  for (let at = nodes.holders[row] ?? -1; at >= 0; at = nodes.holders[at] ?? -1)
    if (nodes.kinds[at] === "map" || nodes.childRuns.has(at)) found.push(at);
  return found;
}
