import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked } from "@/api/client";

/** Views that were saved of a page; they are on the server, for everybody. */
export function savedSearches(page: string) {
  return queryOptions({
    queryKey: ["saved-searches", page] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/saved_searches", { params: { query: { page } }, signal })),
    staleTime: 60_000,
  });
}

export function useSaveSearch(page: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, query }: { name: string; query: Record<string, unknown> }) =>
      asked(api.PUT("/api/saved_searches", { body: { name, page, query: query as Record<string, never> } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["saved-searches", page] }),
  });
}

export function useDeleteSearch(page: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (search: string) =>
      asked(api.DELETE("/api/saved_searches/{search}", { params: { path: { search } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["saved-searches", page] }),
  });
}
