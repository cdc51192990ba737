import { api, asked, type Schemas } from "@/api/client";

export type Log = Schemas["Log"];
export type LogQuery = Schemas["LogQuery"];

/** One page of lines. They are not kept: a log is as long as it likes, and a view holds a part of it. */
export function logPage(query: LogQuery, signal?: AbortSignal): Promise<Schemas["LogPage"]> {
  return asked(api.POST("/api/logs/filter", { body: query, ...(signal === undefined ? {} : { signal }) }));
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
