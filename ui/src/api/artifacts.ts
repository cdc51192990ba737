import { infiniteQueryOptions, keepPreviousData, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";

export type Artifact = Schemas["ArtifactView"];
export type ArtifactQuery = Schemas["ArtifactQuery"];

export const artifactKeys = {
  all: ["artifacts"] as const,
  list: (query: ArtifactQuery) => ["artifacts", "list", query] as const,
};

export function artifactList(query: ArtifactQuery) {
  return infiniteQueryOptions({
    queryKey: artifactKeys.list(query),
    queryFn: ({ pageParam, signal }) =>
      asked(api.POST("/api/artifacts/filter", { body: { limit: 100, ...query, cursor: pageParam }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: 10_000, // no stream tells of artifacts
    placeholderData: keepPreviousData,
  });
}

export function useDeleteArtifact() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      asked(api.DELETE("/api/artifacts/{artifact}", { params: { path: { artifact: id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: artifactKeys.all }),
  });
}
