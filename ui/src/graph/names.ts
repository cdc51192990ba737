/** What nodes are called on the screen. */

import type { Nodes } from "./types";

/** The name of a node; a map is called by its task and the number of its items. */
export function nameOf(nodes: Nodes, row: number): string {
  const label = nodes.labels[row] ?? "";
  if (nodes.kinds[row] !== "map") return label;
  // The server calls it by the key of its task: `module.task/name × 40`.
  if (label.includes("×")) return label.slice(label.lastIndexOf("/") + 1);
  return `${label.replace(/-\d+$/, "")} × ${(nodes.sizes[row] ?? 0).toLocaleString()}`;
}
