import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { api, asked } from "@/api/client";

/** The newest runs whose name contains a text, or whose id begins with it. */
export function flowRunSearch(text: string) {
  const isId = /^[0-9a-f]{6,}(-[0-9a-f-]*)?$/.test(text);
  return queryOptions({
    queryKey: ["flow-runs", "search", text] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/flow_runs/filter", {
          body: { limit: 8, ...(isId ? { id_prefix: text } : { name_like: text }) },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
}

/** Deployments and flows whose name contains a text. */
export function namedSearch(text: string) {
  return queryOptions({
    queryKey: ["search", "named", text] as const,
    queryFn: async ({ signal }) => {
      const [deployments, flows] = await Promise.all([
        asked(api.POST("/api/deployments/filter", { body: { limit: 6, name_like: text }, signal })),
        asked(api.GET("/api/flows", { params: { query: { limit: 6, name_like: text } }, signal })),
      ]);
      return { deployments: deployments.items, flows: flows.items };
    },
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
}
