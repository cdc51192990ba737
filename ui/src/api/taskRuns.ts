import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";

export type TaskRun = Schemas["TaskRun"];
export type TaskRunQuery = Schemas["TaskRunQuery"];

export function taskRunList(query: TaskRunQuery) {
  return infiniteQueryOptions({
    queryKey: ["task-runs", "list", query] as const,
    queryFn: ({ pageParam, signal }) =>
      asked(api.POST("/api/task_runs/filter", { body: { limit: 200, ...query, cursor: pageParam }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

export function taskRun(id: string) {
  return queryOptions({
    queryKey: ["task-runs", "one", id] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/task_runs/{task}", { params: { path: { task: id } }, signal })),
    refetchInterval: () => pollWhileAway(),
  });
}
