/** What nodes are called on the screen. */

import type { Nodes } from "./types";

/** The name of a node; a map is called by its task and the number of its items. */
export function nameOf(nodes: Nodes, row: number): string {
  const label = nodes.labels[row] ?? "";
  if (nodes.kinds[row] !== "map") return label;
  const slash = label.lastIndexOf("/");
  // The server calls a map by the key of its task, `module.task/name`; who only saw items, by the first of them.
  const name = slash < 0 ? label.replace(/-\d+$/, "") : label.slice(slash + 1);
  return `${name} × ${(nodes.sizes[row] ?? 0).toLocaleString()}`;
}
