import { queryOptions } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";

export type Graph = Schemas["Graph"];

/** Nodes that are read before the page says that there are more. */
export const MOST_NODES = 20_000;

/** The graph of a run, page after page, up to a bound. */
export function runGraph(id: string) {
  return queryOptions({
    queryKey: ["graph", id] as const,
    queryFn: async ({ signal }): Promise<Graph> => {
      let cursor: string | undefined;
      let whole: Graph | undefined;
      do {
        const query = cursor === undefined ? {} : { cursor };
        const page = await asked(
          api.GET("/api/flow_runs/{run}/graph", { params: { path: { run: id }, query }, signal }),
        );
        whole = whole === undefined ? page : { ...page, nodes: [...whole.nodes, ...page.nodes] };
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && whole.nodes.length < MOST_NODES);
      return whole;
    },
    refetchInterval: () => pollWhileAway(),
  });
}
