import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";

export type WorkPool = Schemas["WorkPool"];
export type PoolSpec = Schemas["PoolSpec"];
export type PoolChange = Schemas["PoolChange"];
export type WorkQueue = Schemas["WorkQueue"];
export type QueueSpec = Schemas["QueueSpec"];
export type QueueChange = Schemas["QueueChange"];
export type Worker = Schemas["Worker"];

export const poolKeys = {
  all: ["pools"] as const,
  one: (name: string) => ["pools", "one", name] as const,
};

/** Workers tell of themselves every few seconds, and no stream carries it: what is shown of them is asked for again. */
const WORKERS_MS = 5_000;

export const poolList = queryOptions({
  queryKey: [...poolKeys.all, "list"] as const,
  queryFn: ({ signal }) => asked(api.GET("/api/work_pools", { signal })),
  refetchInterval: WORKERS_MS,
});

export function pool(name: string) {
  return queryOptions({
    queryKey: poolKeys.one(name),
    queryFn: ({ signal }) =>
      asked(api.GET("/api/work_pools/{pool}", { params: { path: { pool: name } }, signal })),
    refetchInterval: WORKERS_MS,
  });
}

/** Runs that wait in a pool, in the order in which they will be given out. */
export function queued(name: string, queue: string | null, limit = 200) {
  return queryOptions({
    queryKey: [...poolKeys.one(name), "queued", queue, limit] as const,
    queryFn: ({ signal }) =>
      asked(
        api.GET("/api/work_pools/{pool}/queued", {
          params: { path: { pool: name }, query: { limit, ...(queue === null ? {} : { queue }) } },
          signal,
        }),
      ),
    refetchInterval: WORKERS_MS,
  });
}

export function workers(poolName: string) {
  return queryOptions({
    queryKey: [...poolKeys.one(poolName), "workers"] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/workers", { params: { query: { pool: poolName } }, signal })),
    refetchInterval: WORKERS_MS,
  });
}

/** Whether dialogs say what went wrong themselves, and whether what is shown is no more, so that nothing of it is asked for. */
interface Manner {
  quiet?: boolean;
  gone?: boolean;
}

function useChange<Given, Answer>(
  act: (given: Given) => Promise<Answer>,
  { quiet = false, gone = false }: Manner = {},
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    meta: { quiet },
    onSuccess: () =>
      queries.invalidateQueries({ queryKey: poolKeys.all, refetchType: gone ? "none" : "active" }),
  });
}

export function useCreatePool() {
  return useChange((body: PoolSpec) => asked(api.POST("/api/work_pools", { body })), { quiet: true });
}

export function useChangePool(name: string) {
  const params = { path: { pool: name } };
  return useChange((body: PoolChange) => asked(api.PATCH("/api/work_pools/{pool}", { params, body })));
}

export function useDeletePool(name: string) {
  const params = { path: { pool: name } };
  return useChange(() => asked(api.DELETE("/api/work_pools/{pool}", { params })), {
    quiet: true,
    gone: true,
  });
}

export function useCreateQueue(poolName: string) {
  const params = { path: { pool: poolName } };
  return useChange((body: QueueSpec) => asked(api.POST("/api/work_pools/{pool}/queues", { params, body })), {
    quiet: true,
  });
}

export function useChangeQueue(poolName: string, queue: string) {
  const params = { path: { pool: poolName, queue } };
  return useChange((body: QueueChange) =>
    asked(api.PATCH("/api/work_pools/{pool}/queues/{queue}", { params, body })),
  );
}

export function useDeleteQueue(poolName: string, queue: string) {
  const params = { path: { pool: poolName, queue } };
  return useChange(() => asked(api.DELETE("/api/work_pools/{pool}/queues/{queue}", { params })), {
    quiet: true,
  });
}

export function useForgetWorker(poolName: string, worker: string) {
  const params = { path: { pool: poolName, worker } };
  return useChange(() => asked(api.DELETE("/api/work_pools/{pool}/workers/{worker}", { params })));
}

/** Give a waiting run another priority, or put it into another queue. */
export function useMoveRun(manner: Manner = {}) {
  return useChange(
    ({ run, ...body }: Schemas["Move"] & { run: string }) =>
      asked(api.POST("/api/flow_runs/{run}/move", { params: { path: { run } }, body })),
    manner,
  );
}
