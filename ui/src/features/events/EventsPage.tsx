import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { useEffect, useMemo, useState } from "react";

import { type Event, eventKeys, eventList, type EventQuery } from "@/api/events";
import { throttled, useStream } from "@/api/live";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EventFilters } from "@/features/events/EventFilters";
import { EventRow } from "@/features/events/EventRow";
import { Histogram } from "@/features/events/Histogram";
import { type EventSearch, readEventSearch, streamPath, stretchOf } from "@/features/events/search";
import { useNow } from "@/lib/clock";

const MOST_LIVE = 1_000;

const TEACH = "levada run my_flows.py:my_flow";

/** What happened: over time, and as it happens. */
export function EventsPage() {
  const raw: Record<string, unknown> = useSearch({ strict: false });
  const search = readEventSearch(raw);
  const navigate = useNavigate();
  const go = (next: EventSearch): void => {
    void navigate({ to: "/events", search: next as never });
  };
  return (
    <>
      <PageHeader title="Events" tab="Events" />
      <EventFilters search={search} onChange={go} />
      {/* Another search is another feed. */}
      <Found key={JSON.stringify(search)} search={search} onChange={go} />
    </>
  );
}

function Found({ search, onChange }: { search: EventSearch; onChange: (search: EventSearch) => void }) {
  const [paused, setPaused] = useState(false);
  const [live, setLive] = useState<readonly Event[]>([]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const fixed = search.since !== undefined;
  const { since, until } = stretchOf(search, useNow().getTime());
  const query: EventQuery = {
    ...(search.event === undefined ? {} : { event_prefixes: [search.event] }),
    ...(search.resource === undefined ? {} : { resource_ids: [search.resource] }),
    ...(search.text === undefined ? {} : { text: search.text }),
  };
  // The list begins where it was opened; what comes later is told by the stream.
  const [begin] = useState(since);
  const found = useInfiniteQuery(eventList({ ...query, after: begin, ...(fixed ? { before: until } : {}) }));

  const queries = useQueryClient();
  const again = useMemo(
    () =>
      throttled(() => void queries.invalidateQueries({ queryKey: [...eventKeys.all, "histogram"] }), 3_000),
    [queries],
  );
  useEffect(() => again.cancel, [again]);
  useStream(
    fixed || paused ? null : streamPath(search),
    ["event"],
    (_kind, value) => {
      setLive((before) => [value as Event, ...before].slice(0, MOST_LIVE));
      again();
    },
    () => void queries.invalidateQueries({ queryKey: eventKeys.all }),
  );

  const items = useMemo(() => {
    const listed = found.data?.pages.flatMap((page) => page.items) ?? [];
    const known = new Set(listed.map((one) => one.id));
    return [...live.filter((one) => !known.has(one.id)), ...listed];
  }, [found.data, live]);
  const toggle = (id: string): void => {
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  };
  const resume = (): void => {
    if (paused) void found.refetch(); // what happened meanwhile
    setPaused(!paused);
  };
  return (
    <div className="space-y-4">
      <Card>
        <Histogram
          query={query}
          since={since}
          until={until}
          onZoom={(stretch) => onChange({ ...search, ...stretch })}
        />
      </Card>
      <Card
        title="Feed"
        aside={
          fixed ? (
            <span className="text-xs text-ink-3">A fixed stretch of time: not live</span>
          ) : (
            <span className="flex items-center gap-2 text-xs text-ink-2">
              <span role="status">{paused ? "Paused" : "Live"}</span>
              <Button size="small" onClick={resume}>
                {paused ? <Play size={13} aria-hidden /> : <Pause size={13} aria-hidden />}
                {paused ? "Go on" : "Pause"}
              </Button>
            </span>
          )
        }
      >
        <Rows
          items={items}
          keyOf={(one) => one.id}
          row={(one) => <EventRow event={one} open={open.has(one.id)} onToggle={() => toggle(one.id)} />}
          label="Events"
          height={34}
          empty={
            <Empty title="No event is like this in this stretch of time." command={TEACH}>
              The server notes one for each change of state of a run; flows and other programs can tell of
              their own.
            </Empty>
          }
          pending={found.isPending}
          problem={found.error}
          retry={() => void found.refetch()}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      </Card>
    </div>
  );
}
