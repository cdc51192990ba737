import type { Layout, LayoutNodes, LayoutWish } from "../types";
import { layOutDependencies } from "./dependencies";
import { layOutTime } from "./time";
import { visible } from "./visible";

/** Where the nodes lie that are shown. Depends on nothing but what is given, so that a worker may do it. */
export function layOut(nodes: LayoutNodes, wish: LayoutWish): Layout {
  const shown = visible(nodes, wish.opened);
  return wish.kind === "time" ? layOutTime(shown, wish.now) : layOutDependencies(shown);
}
