import { infiniteQueryOptions } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";

export type Log = Schemas["Log"];
export type LogQuery = Schemas["LogQuery"];

const PAGE = 500;

/** Lines of log, the newest page first. */
export function logList(query: LogQuery) {
  return infiniteQueryOptions({
    queryKey: ["logs", query] as const,
    queryFn: ({ pageParam, signal }) =>
      asked(
        api.POST("/api/logs/filter", {
          body: { limit: PAGE, newest_first: true, ...query, cursor: pageParam },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    staleTime: Infinity, // the stream brings what is new
  });
}

/** Where the stream of lines that fit is to be listened to. */
export function logStream(query: LogQuery, after: string | null): string {
  const wanted = new URLSearchParams();
  for (const id of query.flow_run_ids ?? []) wanted.append("flow_run_id", id);
  for (const id of query.task_run_ids ?? []) wanted.append("task_run_id", id);
  for (const logger of query.loggers ?? []) wanted.append("logger", logger);
  if (query.min_level != null) wanted.set("min_level", String(query.min_level));
  if (query.text != null) wanted.set("text", query.text);
  if (after !== null) wanted.set("after", after);
  return `/api/logs/stream?${wanted.toString()}`;
}
