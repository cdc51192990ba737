import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Download } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";

import { useStream } from "@/api/live";
import { type Log, logList, type LogQuery, logStream } from "@/api/logs";
import { pieces } from "@/components/ansi";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/input";
import { useNow } from "@/lib/clock";
import { clockTime, exactTime } from "@/lib/time";

const LEVELS: [number, string][] = [
  [0, "All levels"],
  [20, "Info and worse"],
  [30, "Warnings and worse"],
  [40, "Errors and worse"],
];

function levelOf(level: number): { word: string; colour: string } {
  if (level >= 50) return { word: "CRIT", colour: "var(--state-failed)" };
  if (level >= 40) return { word: "ERROR", colour: "var(--state-failed)" };
  if (level >= 30) return { word: "WARN", colour: "var(--state-late)" };
  if (level >= 20) return { word: "INFO", colour: "var(--state-running)" };
  return { word: "DEBUG", colour: "var(--ink-3)" };
}

interface LogViewProps {
  about: LogQuery;
  /** Whether more lines may come. */
  live: boolean;
  download?: string;
  /** A line that a link points at. */
  line?: number | undefined;
  onLine?: (line: number) => void;
}

/** Lines of log: the newest first to arrive, searched by the server, followed as they come. */
export function LogView({ about, live, download, line, onLine }: LogViewProps) {
  const [text, setText] = useState("");
  const [level, setLevel] = useState(0);
  const query = useMemo<LogQuery>(
    () => ({ ...about, ...(text !== "" ? { text } : {}), ...(level > 0 ? { min_level: level } : {}) }),
    [about, text, level],
  );
  return (
    <div className="flex flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line p-2">
        <form
          className="flex-1"
          onSubmit={(event) => {
            event.preventDefault();
            const found = new FormData(event.currentTarget).get("text");
            setText(typeof found === "string" ? found.trim() : "");
          }}
        >
          <Input
            type="search"
            name="text"
            placeholder="Search all lines on the server, press Enter"
            aria-label="Search the log"
            className="max-w-md"
          />
        </form>
        <Select aria-label="Level" value={level} onChange={(event) => setLevel(Number(event.target.value))}>
          {LEVELS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </Select>
        {download !== undefined && (
          <a
            className="inline-flex h-8 items-center gap-1.5 rounded-md border border-line px-3 text-sm hover:bg-sunken"
            href={download}
          >
            <Download size={14} aria-hidden /> Download
          </a>
        )}
      </div>
      <Lines key={JSON.stringify(query)} query={query} live={live} line={line} onLine={onLine} />
    </div>
  );
}

function Lines({
  query,
  live,
  line,
  onLine,
}: {
  query: LogQuery;
  live: boolean;
  line?: number | undefined;
  onLine?: ((line: number) => void) | undefined;
}) {
  const found = useInfiniteQuery(logList(query));
  const [fresh, setFresh] = useState<Log[]>([]);
  const [follow, setFollow] = useState(live && line === undefined);
  const box = useRef<HTMLDivElement>(null);
  const first = found.data?.pages[0]?.items[0];
  const opened = useMemo(
    () => (first === undefined ? null : String(Date.parse(first.timestamp) * 1000)),
    [first],
  );
  // Before the first page is there nobody knows after which line to listen.
  useStream(found.data === undefined || !live ? null : logStream(query, opened), ["log"], (_kind, value) => {
    setFresh((before) => [...before, value as Log]);
  });
  const items = useMemo(() => {
    const old = (found.data?.pages ?? []).flatMap((page) => page.items).reverse();
    const known = new Set(old.map((one) => one.id));
    return [...old, ...fresh.filter((one) => !known.has(one.id) && known.add(one.id))];
  }, [found.data, fresh]);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtual list is made to be read at each drawing
  const list = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => 22,
    overscan: 30,
    getItemKey: (index) => items[index]?.id ?? index,
  });
  useEffect(() => {
    if (follow && items.length > 0) list.scrollToIndex(items.length - 1, { align: "end" });
  }, [follow, items.length, list]);
  const target = line === undefined ? -1 : items.findIndex((one) => one.id === line);
  useEffect(() => {
    if (target >= 0) list.scrollToIndex(target, { align: "center" });
  }, [target, list]);

  if (found.isPending) return <Loading rows={8} />;
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  if (items.length === 0) {
    return (
      <Empty title={live ? "No lines yet." : "No lines."}>
        Lines of get_run_logger(), and what is printed with log_prints=True, are here.
      </Empty>
    );
  }
  return (
    <>
      <div
        ref={box}
        role="log"
        aria-label="Log lines"
        // A box that scrolls must be reachable by keyboard.

        tabIndex={0}
        className="h-[62vh] overflow-auto font-mono text-xs"
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
      >
        {found.hasNextPage && (
          <div className="p-1 text-center">
            <Button
              size="small"
              look="ghost"
              disabled={found.isFetchingNextPage}
              onClick={() => void found.fetchNextPage()}
            >
              {found.isFetchingNextPage ? "Loading …" : "Earlier lines"}
            </Button>
          </div>
        )}
        <div className="relative min-w-max" style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map((one) => {
            const item = items[one.index];
            return item === undefined ? null : (
              <div
                key={one.key}
                data-index={one.index}
                ref={list.measureElement}
                className="absolute top-0 left-0 w-full"
                style={{ transform: `translateY(${one.start}px)` }}
              >
                <Line log={item} marked={item.id === line} onLine={onLine} />
              </div>
            );
          })}
        </div>
      </div>
      <div className="flex items-center justify-between border-t border-line px-3 py-1.5 text-xs text-ink-3">
        <span>
          {items.length.toLocaleString()} {found.hasNextPage ? "newest lines" : "lines"}
          {live && <Lag last={items.at(-1)} />}
        </span>
        {live && (
          <label className="flex items-center gap-1.5">
            <input
              type="checkbox"
              className="accent-[var(--accent)]"
              checked={follow}
              onChange={(event) => setFollow(event.target.checked)}
            />
            Follow
          </label>
        )}
      </div>
    </>
  );
}

function Lag({ last }: { last: Log | undefined }) {
  const now = useNow();
  if (last === undefined) return null;
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(last.timestamp)) / 1000));
  return <span> · last line {seconds} s ago</span>;
}

function Line({
  log,
  marked,
  onLine,
}: {
  log: Log;
  marked: boolean;
  onLine?: ((line: number) => void) | undefined;
}) {
  const moment = new Date(log.timestamp);
  const { word, colour } = levelOf(log.level);
  return (
    <div className={`flex gap-3 px-3 py-0.5 hover:bg-sunken ${marked ? "bg-accent-soft" : ""}`}>
      <button
        type="button"
        className="shrink-0 text-ink-3 hover:underline"
        title={exactTime(moment)}
        aria-label={`${clockTime(moment)}: link to this line`}
        onClick={() => onLine?.(log.id)}
      >
        {clockTime(moment)}
      </button>
      <span className="w-11 shrink-0 font-semibold" style={{ color: colour }}>
        {word}
      </span>
      <span className="min-w-0 whitespace-pre-wrap">
        {pieces(log.message).map((piece, index) => (
          <span
            key={index}
            style={{ color: piece.colour, fontWeight: piece.bold === true ? 600 : undefined }}
          >
            {piece.text}
          </span>
        ))}
        {log.fields != null && Object.keys(log.fields).length > 0 && (
          <span className="ml-2 text-ink-3">{JSON.stringify(log.fields)}</span>
        )}
      </span>
      <span className="ml-auto shrink-0 pl-4 text-ink-3">{log.logger}</span>
    </div>
  );
}
