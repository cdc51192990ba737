import { api, asked, type Schemas } from "@/api/client";

export type Graph = Schemas["Graph"];

/** Nodes of the first page, which is on screen soon, and of those after it. */
const FIRST_PAGE = 1_000;
const PAGE = 10_000;

/** What is asked for of the graph of a run. */
export interface GraphWish {
  /** Only what changed after this moment: `changed` of an answer before. */
  since?: string | undefined;
  /** Maps are one node each; without it every item is one. */
  fold?: boolean;
  /** Only the items of this map. */
  map?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** The graph of a run page by page, one request at a time; the first pages are small. */
export async function* graphPages(run: string, wish: GraphWish = {}): AsyncGenerator<Graph, void, undefined> {
  const { since, fold = true, map, signal } = wish;
  let cursor: string | null = null;
  do {
    const page: Graph = await asked(
      api.GET("/api/flow_runs/{run}/graph", {
        params: {
          path: { run },
          query: {
            since,
            cursor,
            map_id: map,
            fold: fold ? "maps" : null,
            limit: cursor === null ? FIRST_PAGE : PAGE,
          },
        },
        signal: signal ?? null,
      }),
    );
    yield page;
    cursor = page.next ?? null;
  } while (cursor !== null);
}
