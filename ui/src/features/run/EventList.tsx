import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, asked } from "@/api/client";
import { At } from "@/components/Moment";
import { Empty } from "@/components/Notices";
import { Rows } from "@/components/Rows";
import { Card } from "@/components/ui/card";

/** What happened to a run. */
export function EventList({ run }: { run: string }) {
  const found = useInfiniteQuery({
    queryKey: ["events", "of-run", run] as const,
    queryFn: ({ pageParam, signal }) =>
      asked(
        api.POST("/api/events/filter", {
          body: { flow_run_ids: [run], limit: 100, cursor: pageParam },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  });
  const items = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  return (
    <Card title="Events">
      <Rows
        items={items}
        keyOf={(event) => event.id}
        label="Events"
        height={34}
        pending={found.isPending}
        problem={found.error}
        retry={() => void found.refetch()}
        more={{
          has: found.hasNextPage,
          busy: found.isFetchingNextPage,
          load: () => void found.fetchNextPage(),
        }}
        row={(event) => (
          <details className="px-4 py-1.5">
            <summary className="flex cursor-pointer gap-4 text-sm">
              <span className="w-40 shrink-0 text-ink-3">
                <At at={event.occurred} />
              </span>
              <span className="min-w-0 break-words">{event.event}</span>
            </summary>
            <pre className="overflow-x-auto py-2 font-mono text-xs">{JSON.stringify(event, null, 2)}</pre>
          </details>
        )}
        empty={<Empty title="No events yet.">The server notes one for each change of state.</Empty>}
      />
    </Card>
  );
}
