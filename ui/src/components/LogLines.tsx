import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Log } from "@/api/logs";
import { LogLine } from "@/components/LogLine";
import { keyOf, type LogWindow } from "@/components/logWindow";
import { classes } from "@/lib/classes";

/** Pixels of a line that was not measured yet. */
const LINE = 21;
/** Lines from an end at which the next page is asked for. */
const NEAR = 60;

interface LogLinesProps {
  window: LogWindow;
  busy: boolean;
  follow: boolean;
  wrap: boolean;
  linked: boolean;
  /** Which line to begin at; -1 for the last. */
  begin: number;
  marked: number | null;
  onFollow: (follow: boolean) => void;
  onOlder: () => void;
  onNewer: () => void;
  onMark: (log: Log) => void;
}

/** The lines of a window: those in sight are drawn, and what is beyond is asked for before its end is reached. */
export function LogLines(given: LogLinesProps) {
  const {
    window: held,
    busy,
    follow,
    wrap,
    linked,
    begin,
    marked,
    onFollow,
    onOlder,
    onNewer,
    onMark,
  } = given;
  const { lines } = held;
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtual list is made to be read at each drawing
  const list = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    overscan: 20,
    getItemKey: (index) => {
      const line = lines[index];
      return line === undefined ? index : keyOf(line);
    },
  });

  // Lines that came before the first one, or that went there, must not move those that are looked at.
  const first = useRef<Log | undefined>(undefined);
  useLayoutEffect(() => {
    const before = first.current;
    first.current = lines[0];
    if (before === undefined || before === lines[0] || follow) return;
    const came = lines.indexOf(before);
    if (came > 0) list.scrollToOffset((list.scrollOffset ?? 0) + came * LINE);
  }, [lines, follow, list]);

  const begun = useRef(false);
  const arrived = useRef(false);
  useLayoutEffect(() => {
    if (lines.length === 0) return;
    if (follow || !begun.current) {
      const index = follow || begin < 0 ? lines.length - 1 : begin;
      list.scrollToIndex(index, { align: begin < 0 || follow ? "end" : "center" });
      begun.current = true;
    }
  }, [follow, lines, begin, list]);

  const drawn = list.getVirtualItems();
  const top = drawn[0]?.index ?? 0;
  const bottom = drawn.at(-1)?.index ?? 0;
  useEffect(() => {
    if (busy || lines.length === 0 || drawn.length === 0) return;
    // Until the place to begin at is in sight, what is drawn is not what anybody looks at.
    const place = begin < 0 ? lines.length - 1 : begin;
    arrived.current ||= top <= place && place <= bottom;
    if (!arrived.current) return;
    if (held.hasOlder && top < NEAR && !follow) onOlder();
    else if (held.hasNewer && bottom > lines.length - NEAR) onNewer();
  }, [busy, lines.length, drawn.length, held, top, bottom, follow, begin, onOlder, onNewer]);

  const toggle = (key: string): void =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  return (
    // Whoever scrolls up does not want to be taken down again.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={box}
      role="log"
      aria-label="Log lines"
      // Whoever reads them by ear asks for them: they would be read out one by one as they come.
      aria-live="off"
      // A box that scrolls must be reachable by keyboard.
      tabIndex={0}
      className="h-[62vh] overflow-auto font-mono text-xs [overflow-anchor:none]"
      onWheel={(event) => event.deltaY < 0 && onFollow(false)}
      onKeyDown={(event) => ["PageUp", "ArrowUp", "Home"].includes(event.key) && onFollow(false)}
    >
      <div className={classes("relative", !wrap && "min-w-max")} style={{ height: list.getTotalSize() }}>
        {drawn.map((one) => {
          const line = lines[one.index];
          if (line === undefined) return null;
          const key = keyOf(line);
          return (
            <div
              key={one.key}
              data-index={one.index}
              ref={list.measureElement}
              className="absolute top-0 left-0 w-full"
              style={{ transform: `translateY(${one.start}px)` }}
            >
              <LogLine
                log={line}
                marked={line.id === marked}
                wrap={wrap}
                linked={linked}
                open={open.has(key)}
                onOpen={() => toggle(key)}
                onMark={() => onMark(line)}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}
