import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { flowRunKeys } from "@/api/flowRuns";

export type Backfill = Schemas["Backfill"];
export type NewBackfill = Schemas["NewBackfill"];
export type BackfillAction = "pause" | "resume" | "cancel";

const OVER = new Set(["completed", "cancelled", "failed"]);

/** Whether nothing more happens to a backfill. */
export function isOver(backfill: Backfill): boolean {
  return OVER.has(backfill.state.toLowerCase());
}

/** Backfills of a deployment. Their progress is no event of a stream, so it is asked for while one goes on. */
export function backfillList(deployment: string) {
  return queryOptions({
    queryKey: ["backfills", deployment] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/backfills", { params: { query: { deployment, limit: 50 } }, signal })),
    refetchInterval: ({ state }) => (state.data?.some((one) => !isOver(one)) === true ? 2_000 : false),
  });
}

/** Begin a backfill, or only say what it would make. */
export function useBackfill(deployment: string) {
  const queries = useQueryClient();
  return useMutation({
    meta: { quiet: true },
    mutationFn: (body: NewBackfill) =>
      asked(api.POST("/api/deployments/{deployment}/backfills", { params: { path: { deployment } }, body })),
    onSuccess: (_made, asked) =>
      asked.dry_run === true ? undefined : queries.invalidateQueries({ queryKey: ["backfills"] }),
  });
}

export function useBackfillAction(backfill: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (action: BackfillAction) =>
      asked(api.POST("/api/backfills/{backfill}/{action}", { params: { path: { backfill, action } } })),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ["backfills"] }),
        queries.invalidateQueries({ queryKey: flowRunKeys.all }),
      ]),
  });
}
