import { queryOptions, useMutation } from "@tanstack/react-query";

import { api, asked } from "@/api/client";
import type { FlowRunQuery } from "@/api/flowRuns";

export const BULK_ACTIONS = ["cancel", "retry", "delete"] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** Start something for all runs that a query finds, on the server; with `preview` it only says how many. */
export function useBulk() {
  return useMutation({
    meta: { quiet: true }, // the dialog says it
    mutationFn: ({ action, query, preview }: { action: BulkAction; query: FlowRunQuery; preview: boolean }) =>
      asked(api.POST("/api/bulk_jobs", { body: { action, query: query, preview } })),
  });
}

const DONE = new Set(["completed", "failed", "cancelled", "preview"]);

export function bulkDone(state: string | undefined): boolean {
  return state !== undefined && DONE.has(state.toLowerCase());
}

export function bulkJob(id: string) {
  return queryOptions({
    queryKey: ["bulk-jobs", id] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/bulk_jobs/{job}", { params: { path: { job: id } }, signal })),
    refetchInterval: (query) => (bulkDone(query.state.data?.state) ? false : 500),
  });
}

export function useCancelBulk() {
  return useMutation({
    meta: { quiet: true },
    mutationFn: (job: string) =>
      asked(api.POST("/api/bulk_jobs/{job}/cancel", { params: { path: { job } } })),
  });
}
