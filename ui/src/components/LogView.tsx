import { useLocation, useNavigate } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useCallback, useEffect, useMemo, useState } from "react";

import type { Log, LogQuery } from "@/api/logs";
import { GoTo } from "@/components/GoTo";
import { LogLines } from "@/components/LogLines";
import { type Anchor, hashOf, lineOf } from "@/components/logWindow";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/input";
import { useLogWindow } from "@/components/useLogWindow";
import { useNow } from "@/lib/clock";

const LEVELS: [number, string][] = [
  [0, "All levels"],
  [20, "Info and worse"],
  [30, "Warnings and worse"],
  [40, "Errors and worse"],
];

interface LogViewProps {
  about: LogQuery;
  /** Whether more lines may come. */
  live: boolean;
  download?: string;
}

/** Lines of log: searched by the server, followed as they come, opened where a link points (`#line=…`). */
export function LogView({ about, live, download }: LogViewProps) {
  const hash = useLocation({ select: (location) => location.hash });
  const linked = lineOf(hash);
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [level, setLevel] = useState(0);
  const [logger, setLogger] = useState("");
  const [loggers, setLoggers] = useState<readonly string[]>([]);
  const [wrap, setWrap] = useState(false);
  const [going, setGoing] = useState(false);
  // Each visit opens the log anew, also at the same place.
  const [{ anchor, visit }, setPlace] = useState<{ anchor: Anchor; visit: number }>({
    anchor: linked?.at == null ? { kind: "end" } : { kind: "at", time: linked.at },
    visit: 0,
  });
  const go = (to: Anchor): void => setPlace((before) => ({ anchor: to, visit: before.visit + 1 }));
  const [seen, setSeen] = useState(hash);
  if (hash !== seen) {
    // Another link into the same log.
    setSeen(hash);
    if (linked?.at != null) go({ kind: "at", time: linked.at });
  }
  const mark = (log: Log): void => {
    const to = hashOf(log);
    setSeen(to);
    void navigate({ to: ".", search: true, hash: to, replace: true, resetScroll: false });
  };
  const query = useMemo<LogQuery>(
    () => ({
      ...about,
      ...(text === "" ? {} : { text }),
      ...(level > 0 ? { min_level: level } : {}),
      ...(logger === "" ? {} : { loggers: [logger] }),
    }),
    [about, text, level, logger],
  );
  const learn = useCallback(
    (lines: readonly Log[]): void => {
      setLoggers((before) => {
        const all = new Set([...before, ...lines.map((one) => one.logger)]);
        return all.size === before.length ? before : [...all].sort();
      });
    },
    [setLoggers],
  );
  return (
    <div className="flex flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line p-2">
        <form
          className="min-w-48 flex-1"
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
        <Select
          aria-label="Logger"
          className="max-w-44"
          value={logger}
          onChange={(event) => setLogger(event.target.value)}
        >
          <option value="">All loggers</option>
          {loggers.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </Select>
        <Button onClick={() => go({ kind: "start" })}>Start</Button>
        <Button onClick={() => go({ kind: "end" })}>End</Button>
        <Button onClick={() => setGoing(true)}>Go to …</Button>
        {download !== undefined && (
          <a
            className="inline-flex h-8 items-center gap-1.5 rounded-md border border-line px-3 text-sm hover:bg-sunken"
            href={download}
          >
            <Download size={14} aria-hidden /> Download
          </a>
        )}
      </div>
      <Window
        key={`${visit} ${JSON.stringify(query)}`}
        query={query}
        anchor={anchor}
        live={live}
        wrap={wrap}
        onWrap={setWrap}
        marked={linked?.line ?? null}
        onMark={mark}
        onEnd={() => go({ kind: "end" })}
        onLines={learn}
      />
      {going && (
        <GoTo
          runs={about.flow_run_ids ?? []}
          onGo={(time) => go({ kind: "at", time })}
          onClose={() => setGoing(false)}
        />
      )}
    </div>
  );
}

interface WindowProps {
  query: LogQuery;
  anchor: Anchor;
  live: boolean;
  wrap: boolean;
  marked: number | null;
  onWrap: (wrap: boolean) => void;
  onMark: (log: Log) => void;
  onEnd: () => void;
  onLines: (lines: readonly Log[]) => void;
}

/** A part of the log, and how it is looked at. */
function Window({ query, anchor, live, wrap, marked, onWrap, onMark, onEnd, onLines }: WindowProps) {
  const { window: held, problem, busy, older, newer, again } = useLogWindow(query, anchor, live);
  const [follow, setFollow] = useState(live && anchor.kind === "end");
  const lines = held?.lines;
  useEffect(() => {
    if (lines !== undefined) onLines(lines.slice(-1_000));
  }, [lines, onLines]);
  if (held === null)
    return problem === null ? <Loading rows={8} /> : <Trouble problem={problem} retry={again} />;
  if (held.lines.length === 0) {
    const filtered = query.text != null || query.min_level != null || query.loggers != null;
    return (
      <Empty title={filtered ? "No line fits." : live ? "No lines yet." : "No lines."}>
        {filtered
          ? "Search for other words, or look at all levels and loggers."
          : "Lines of get_run_logger(), and what is printed with log_prints=True, are here."}
      </Empty>
    );
  }
  const time = anchor.kind === "at" ? anchor.time : null;
  const begin =
    anchor.kind === "end"
      ? -1
      : time === null
        ? 0
        : Math.max(
            0,
            held.lines.findIndex((one) =>
              marked === null ? Date.parse(one.timestamp) >= Date.parse(time) : one.id === marked,
            ),
          );
  return (
    <>
      {problem !== null && <Trouble problem={problem} retry={again} />}
      <LogLines
        window={held}
        busy={busy !== null}
        follow={follow}
        wrap={wrap}
        linked={query.task_run_ids == null}
        begin={begin}
        marked={marked}
        onFollow={setFollow}
        onOlder={older}
        onNewer={newer}
        onMark={onMark}
      />
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-3 py-1.5 text-xs text-ink-3">
        <span className="flex-1">
          {held.lines.length.toLocaleString()}{" "}
          {held.hasOlder || held.hasNewer
            ? `lines at hand, more ${held.hasOlder ? "before" : ""}${held.hasOlder && held.hasNewer ? " and " : ""}${held.hasNewer ? "after" : ""} them`
            : "lines"}
          {busy !== null && " · loading …"}
          {live && !held.hasNewer && <Lag last={held.lines.at(-1)} />}
          {held.late.length > 0 && ` · ${held.late.length.toLocaleString()} came since`}
        </span>
        <label className="flex items-center gap-1.5">
          <input
            type="checkbox"
            className="accent-[var(--accent)]"
            checked={wrap}
            onChange={(event) => onWrap(event.target.checked)}
          />
          Wrap long lines
        </label>
        {live && (
          <label className="flex items-center gap-1.5">
            <input
              type="checkbox"
              className="accent-[var(--accent)]"
              checked={follow}
              onChange={(event) => {
                if (event.target.checked && held.hasNewer) onEnd();
                else setFollow(event.target.checked);
              }}
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
