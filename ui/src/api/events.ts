import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { pollWhileAway } from "@/api/live";

export type Event = Schemas["Event"];
export type EventQuery = Schemas["EventQuery"];
export type EventCount = Schemas["EventCount"];

export const eventKeys = {
  all: ["events"] as const,
  list: (query: EventQuery) => ["events", "list", query] as const,
};

export function eventList(query: EventQuery) {
  return infiniteQueryOptions({
    queryKey: eventKeys.list(query),
    queryFn: ({ pageParam, signal }) =>
      asked(api.POST("/api/events/filter", { body: { limit: 100, ...query, cursor: pageParam }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

/** How many events fell into each part of a range of time. */
export function eventHistogram(query: EventQuery, buckets: number) {
  return queryOptions({
    queryKey: [...eventKeys.all, "histogram", query, buckets] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/events/count_by/{kind}", {
          params: { path: { kind: "time" }, query: { buckets } },
          body: query,
          signal,
        }),
      ),
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}
