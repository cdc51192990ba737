import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";

export type Flow = Schemas["FlowView"];

export const flowKeys = {
  all: ["flows"] as const,
  list: (name: string) => ["flows", "list", name] as const,
};

/** Flows whose name has a text in it, page after page. */
export function flowList(name: string) {
  return infiniteQueryOptions({
    queryKey: flowKeys.list(name),
    queryFn: ({ pageParam, signal }) =>
      asked(
        api.GET("/api/flows", {
          params: { query: { limit: 100, cursor: pageParam, ...(name === "" ? {} : { name_like: name }) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

export function flow(name: string) {
  return queryOptions({
    queryKey: ["flows", "one", name] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/flows/{name}", { params: { path: { name } }, signal })),
  });
}
