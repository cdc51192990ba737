import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useMemo, useRef, useState } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { MOST_NODES, runGraph } from "@/api/graph";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { criticalPath, extent, type Line, lines } from "@/features/run/gantt";
import { classes } from "@/lib/classes";
import { useNow } from "@/lib/clock";
import { isFinal, lookOf, stateWord } from "@/lib/states";
import { duration } from "@/lib/time";

const ROW = 28;

/** What a run did over time: a line for each task run and subflow, one for each map. */
export function Timeline({ run }: { run: FlowRun }) {
  const ended = isFinal(run.state_type);
  const found = useQuery(runGraph(run.id));
  const clock = useNow();
  const now = ended && run.end_time != null ? Date.parse(run.end_time) : clock.getTime();
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [path, setPath] = useState(false);
  const nodes = found.data?.nodes;
  const all = useMemo(() => lines(nodes ?? [], opened, now), [nodes, opened, now]);
  const critical = useMemo(() => (path ? criticalPath(nodes ?? []) : null), [path, nodes]);
  const span = extent(all, run.start_time, now);

  if (found.isPending) return <Loading rows={6} />;
  if (found.error !== null && nodes === undefined)
    return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  return (
    <Card
      title={`${(nodes?.length ?? 0).toLocaleString()}${(nodes?.length ?? 0) >= MOST_NODES ? " and more" : ""} task runs and subflows over ${duration((span[1] - span[0]) / 1000)}`}
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
          all={all}
          span={span}
          critical={critical}
          opened={opened}
          onToggle={(key) => {
            const next = new Set(opened);
            if (!next.delete(key)) next.add(key);
            setOpened(next);
          }}
        />
      )}
    </Card>
  );
}

interface BarsProps {
  all: Line[];
  span: [number, number];
  critical: Set<string> | null;
  opened: ReadonlySet<string>;
  onToggle: (key: string) => void;
}

function Bars({ all, span, critical, opened, onToggle }: BarsProps) {
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
              key={line.key}
              className="absolute inset-x-0 top-0 flex items-center gap-2 px-3"
              style={{ height: ROW, transform: `translateY(${one.start}px)` }}
            >
              <Name line={line} open={opened.has(line.key)} onToggle={onToggle} />
              <Bar
                line={line}
                span={span}
                faint={critical !== null && !line.nodes.some((node) => critical.has(node.id))}
              />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Name({ line, open, onToggle }: { line: Line; open: boolean; onToggle: (key: string) => void }) {
  const place = "w-32 sm:w-56 shrink-0 truncate text-left text-xs";
  const node = line.nodes[0];
  if (line.folded) {
    return (
      <button
        type="button"
        className={classes(place, "flex items-center gap-1 font-medium")}
        aria-expanded={open}
        onClick={() => onToggle(line.key)}
      >
        {open ? <ChevronDown size={13} aria-hidden /> : <ChevronRight size={13} aria-hidden />}
        <span className="truncate">{line.label}</span>
      </button>
    );
  }
  if (node?.kind === "flow-run" || node?.child_flow_run_id != null) {
    return (
      <Link
        to="/runs/$run"
        params={{ run: node.child_flow_run_id ?? node.id }}
        className={classes(place, "pl-4 font-medium hover:underline")}
      >
        {line.label}
      </Link>
    );
  }
  return (
    <Link
      to="/task-runs/$task"
      params={{ task: node?.id ?? line.key }}
      className={classes(place, "pl-4 hover:underline")}
    >
      {line.label}
    </Link>
  );
}

function Bar({ line, span: [from, to], faint }: { line: Line; span: [number, number]; faint: boolean }) {
  const words = line.states
    .map(([type, count]) => (line.folded ? `${count} ${stateWord(type).toLowerCase()}` : stateWord(type)))
    .join(", ");
  if (line.start === null || line.end === null) return <span className="text-xs text-ink-3">{words}</span>;
  const left = ((line.start - from) / (to - from)) * 100;
  const width = ((line.end - line.start) / (to - from)) * 100;
  const text = `${words}, ${duration((line.end - line.start) / 1000)}`;
  return (
    <span className={classes("relative h-5 flex-1 rounded bg-sunken", faint && "opacity-25")}>
      <span
        className="absolute inset-y-0 flex overflow-hidden rounded"
        style={{ left: `min(${left}%, calc(100% - 3px))`, width: `max(${width}%, 3px)` }}
        title={text}
        role="img"
        aria-label={text}
      >
        {line.states.map(([type, count]) => (
          <span key={type} style={{ flex: count, background: lookOf(type).colour }} />
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
        {duration((line.end - line.start) / 1000)}
      </span>
    </span>
  );
}
