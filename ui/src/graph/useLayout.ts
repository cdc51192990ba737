import { useEffect, useMemo, useRef, useState } from "react";

import { layOut } from "./layout/layOut";
import { LayoutQueue, type Port } from "./layoutQueue";
import type { Layout, LayoutWish, Nodes } from "./types";

/** With fewer nodes the way to a worker and back takes longer than the layout. */
const HERE_BELOW = 2_000;

function openWorker(): Port | null {
  if (typeof Worker === "undefined") return null;
  return new Worker(new URL("./layoutWorker.ts", import.meta.url), { type: "module" });
}

/**
 * The layout of the nodes; of many the last one that is ready, null before the first. Rows are never reused, so that an
 * older layout still fits newer nodes. Give the same `wish` while nothing else is wished: each new one is laid out.
 */
export function useLayout(nodes: Nodes, wish: LayoutWish): Layout | null {
  const isSmall = nodes.count < HERE_BELOW;
  const here = useMemo(() => (isSmall ? layOut(nodes, wish) : null), [isSmall, nodes, wish]);
  const [there, setThere] = useState<Layout | null>(null);
  const queue = useRef<LayoutQueue | null>(null);
  useEffect(() => {
    const made = new LayoutQueue(openWorker, setThere);
    queue.current = made;
    return () => made.close();
  }, []);
  useEffect(() => {
    if (!isSmall) queue.current?.ask(nodes, wish);
  }, [isSmall, nodes, wish]);
  return here ?? there;
}
