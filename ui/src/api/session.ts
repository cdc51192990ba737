import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked } from "@/api/client";
import { pollWhileAway } from "@/api/live";

/** Who asks, as the server knows it. */
export const session = () =>
  queryOptions({
    queryKey: ["session"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/session", { signal })),
    staleTime: 60_000,
    // A stream that is refused does not say why: perhaps nobody is signed in any more.
    refetchInterval: () => pollWhileAway(),
  });

export type Login = { user: string; password: string } | { key: string };

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (login: Login) => asked(api.POST("/api/session", { body: login })),
    onSuccess: async () => {
      // What was refused before may be had now.
      queries.removeQueries({ queryKey: ["session"] });
      await queries.invalidateQueries();
    },
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => asked(api.DELETE("/api/session", {})),
    onSuccess: () => queries.clear(),
  });
}
