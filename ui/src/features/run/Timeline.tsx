import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useMemo, useRef, useState } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { endOf, extent, type Line, lines } from "@/features/run/gantt";
import { criticalPath } from "@/graph/layout/criticalPath";
import { nameOf } from "@/graph/names";
import { type Nodes, STATES } from "@/graph/types";
import { useGraph } from "@/graph/useGraph";
import { canOpen, countsOf, stateOf } from "@/graph/view/words";
import { classes } from "@/lib/classes";
import { lookOf, stateWord } from "@/lib/states";
import { duration } from "@/lib/time";

const ROW = 28;
const INDENT = 12;

/** What a run did over time, as a list: a line for each task run and subflow, one for each map. */
export function Timeline({ run }: { run: FlowRun }) {
  const { nodes, now, error, retry, isLoading, opened, onOpen } = useGraph(run);
  const [path, setPath] = useState(false);
  const all = useMemo(() => (nodes === null ? [] : lines(nodes, opened)), [nodes, opened]);
  const critical = useMemo(
    () => (path && nodes !== null ? new Set(criticalPath(nodes, now)) : null),
    [path, nodes, now],
  );

  if (nodes === null)
    return error === null ? <Loading rows={6} /> : <Trouble problem={error} retry={retry} />;
  const span = extent(nodes, all, run.start_time, now);
  return (
    <Card
      title={`${all.length.toLocaleString()}${isLoading ? " and more" : ""} task runs, maps and subflows over ${duration((span[1] - span[0]) / 1000)}`}
      aside={
        <label className="flex items-center gap-1.5 text-sm text-ink-2">
          <input
            type="checkbox"
            className="accent-[var(--accent)]"
            checked={path}
            onChange={(event) => setPath(event.target.checked)}
          />
          Critical path
        </label>
      }
    >
      {all.length === 0 ? (
        <Empty title="Nothing yet.">Tasks and subflows are drawn here as they are called.</Empty>
      ) : (
        <Bars
          nodes={nodes}
          now={now}
          all={all}
          span={span}
          critical={critical}
          opened={opened}
          onToggle={(row) => onOpen([row], !opened.has(row))}
        />
      )}
    </Card>
  );
}

interface BarsProps {
  nodes: Nodes;
  now: number;
  all: Line[];
  span: [number, number];
  critical: ReadonlySet<number> | null;
  opened: ReadonlySet<number>;
  onToggle: (row: number) => void;
}

function Bars({ nodes, now, all, span, critical, opened, onToggle }: BarsProps) {
  const box = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtual list is made to be read at each drawing
  const list = useVirtualizer({
    count: all.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 20,
  });
  return (
    // A box that scrolls must be reachable by keyboard.

    <div
      ref={box}
      className="max-h-[62vh] overflow-auto py-1"
      role="region"
      aria-label="Timeline"
      tabIndex={0}
    >
      <ul className="relative" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map((one) => {
          const line = all[one.index];
          return line === undefined ? null : (
            <li
              key={nodes.ids[line.row]}
              className="absolute inset-x-0 top-0 flex items-center gap-2 px-3"
              style={{ height: ROW, transform: `translateY(${one.start}px)` }}
            >
              <Name nodes={nodes} line={line} open={opened.has(line.row)} onToggle={onToggle} />
              <Bar
                nodes={nodes}
                now={now}
                row={line.row}
                span={span}
                faint={critical !== null && !critical.has(line.row)}
              />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

interface NameProps {
  nodes: Nodes;
  line: Line;
  open: boolean;
  onToggle: (row: number) => void;
}

function Name({ nodes, line: { row, depth }, open, onToggle }: NameProps) {
  const place = "min-w-0 flex-1 truncate text-left";
  const name = nameOf(nodes, row);
  const child = nodes.childRuns.get(row);
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <span
      className="flex w-32 shrink-0 items-center gap-1 text-xs sm:w-56"
      style={{ paddingLeft: depth * INDENT + (canOpen(nodes, row) ? 0 : 17) }}
    >
      {canOpen(nodes, row) && (
        <button
          type="button"
          aria-expanded={open}
          aria-label={open ? `Fold ${name}` : `Open ${name}`}
          className="shrink-0 rounded hover:bg-sunken"
          onClick={() => onToggle(row)}
        >
          <Chevron size={13} aria-hidden />
        </button>
      )}
      {nodes.kinds[row] === "map" ? (
        <span className={classes(place, "font-medium")}>{name}</span>
      ) : child !== undefined ? (
        <Link
          to="/runs/$run"
          params={{ run: child }}
          className={classes(place, "font-medium hover:underline")}
        >
          {name}
        </Link>
      ) : (
        <Link
          to="/task-runs/$task"
          params={{ task: nodes.ids[row] ?? "" }}
          className={classes(place, "hover:underline")}
        >
          {name}
        </Link>
      )}
    </span>
  );
}

interface BarProps {
  nodes: Nodes;
  now: number;
  row: number;
  span: [number, number];
  faint: boolean;
}

function Bar({ nodes, now, row, span: [from, to], faint }: BarProps) {
  const counts = countsOf(nodes, row);
  const parts: readonly [number, number][] = counts.length > 0 ? counts : [[nodes.states[row] ?? 255, 1]];
  const words =
    counts.length > 0
      ? counts.map(([code, count]) => `${count} ${stateWord(STATES[code]).toLowerCase()}`).join(", ")
      : stateOf(nodes, row);
  const start = nodes.started[row] ?? NaN;
  const end = endOf(nodes, row, now);
  if (Number.isNaN(end)) return <span className="flex-1 text-xs text-ink-3">{words}</span>;
  const left = ((start - from) / (to - from)) * 100;
  const width = ((end - start) / (to - from)) * 100;
  const text = `${words}, ${duration((end - start) / 1000)}`;
  return (
    <span className={classes("relative h-5 flex-1 rounded bg-sunken", faint && "opacity-25")}>
      <span
        className="absolute inset-y-0 flex overflow-hidden rounded"
        style={{ left: `min(${left}%, calc(100% - 3px))`, width: `max(${width}%, 3px)` }}
        title={text}
        role="img"
        aria-label={text}
      >
        {parts.map(([code, count]) => (
          <span key={code} style={{ flex: count, background: lookOf(STATES[code]).colour }} />
        ))}
      </span>
      <span
        className="pointer-events-none absolute inset-y-0 text-[0.65rem] leading-5 text-ink-3"
        style={
          left + width < 82
            ? { left: `calc(${left + width}% + 6px)` }
            : { right: `calc(${100 - left}% + 6px)` }
        }
      >
        {duration((end - start) / 1000)}
      </span>
    </span>
  );
}
