import {
  infiniteQueryOptions,
  keepPreviousData,
  type InfiniteData,
  queryOptions,
} from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";

export type FlowRun = Schemas["FlowRun"];
export type FlowRunQuery = Schemas["FlowRunQuery"];
export type FlowRunPage = Schemas["FlowRunPage"];

export const flowRunKeys = {
  all: ["flow-runs"] as const,
  list: (query: FlowRunQuery) => ["flow-runs", "list", query] as const,
  one: (id: string) => ["flow-runs", "one", id] as const,
};

const PAGE = 100;

/** Runs that a query finds, page after page. */
export function flowRunList(query: FlowRunQuery) {
  return infiniteQueryOptions({
    queryKey: flowRunKeys.list(query),
    queryFn: ({ pageParam, signal }) =>
      asked(
        api.POST("/api/flow_runs/filter", { body: { limit: PAGE, ...query, cursor: pageParam }, signal }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

/** A list in which a run that a stream told of is as it is now; the same list when the run is not in it. */
export function patched(data: InfiniteData<FlowRunPage>, run: FlowRun): InfiniteData<FlowRunPage> {
  const isIn = (page: FlowRunPage): boolean => page.items.some((one) => one.id === run.id);
  if (!data.pages.some(isIn)) return data;
  const update = (one: FlowRun): FlowRun => (one.id === run.id ? { ...one, ...run } : one);
  return {
    ...data,
    pages: data.pages.map((page) => (isIn(page) ? { ...page, items: page.items.map(update) } : page)),
  };
}

export function flowRun(id: string) {
  return queryOptions({
    queryKey: flowRunKeys.one(id),
    queryFn: ({ signal }) =>
      asked(api.GET("/api/flow_runs/{run}", { params: { path: { run: id } }, signal })),
    refetchInterval: () => pollWhileAway(),
  });
}

export function flowRunWhy(id: string, state: string) {
  return queryOptions({
    queryKey: [...flowRunKeys.one(id), "why", state] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/flow_runs/{run}/why", { params: { path: { run: id } }, signal })),
    refetchInterval: 10_000, // a reason changes without the run changing: a worker comes, a slot is given back
  });
}

export function stateCounts(query: FlowRunQuery) {
  return queryOptions({
    queryKey: ["flow-runs", "state-counts", query] as const,
    queryFn: ({ signal }) => asked(api.POST("/api/flow_runs/state_counts", { body: query, signal })),
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

export function history(query: FlowRunQuery, start: string, end: string, buckets: number) {
  return queryOptions({
    queryKey: ["flow-runs", "history", query, start, end, buckets] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/flow_runs/history", {
          body: query,
          params: { query: { start, end, buckets } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function taskStateCounts(id: string) {
  return queryOptions({
    queryKey: [...flowRunKeys.one(id), "task-states"] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/flow_runs/{run}/task_state_counts", { params: { path: { run: id } }, signal })),
    refetchInterval: () => pollWhileAway(),
  });
}
