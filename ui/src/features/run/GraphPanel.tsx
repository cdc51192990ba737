import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft, ArrowRight, ChevronDown, ChevronRight, X } from "lucide-react";
import { useMemo, useState } from "react";

import { flowRun } from "@/api/flowRuns";
import { taskRun } from "@/api/taskRuns";
import { StateBadge } from "@/components/StateBadge";
import { Button } from "@/components/ui/button";
import { LatestLines } from "@/features/run/LatestLines";
import { nameOf } from "@/graph/names";
import { STATES } from "@/graph/types";
import type { PanelProps } from "@/graph/view/GraphView";
import { canOpen, countsOf, took } from "@/graph/view/words";
import { useNow } from "@/lib/clock";
import { lookOf, stateWord } from "@/lib/states";
import { clockTime } from "@/lib/time";

/** Neighbours that are named; the rest is counted. */
const NAMED = 6;
const LINK =
  "inline-flex h-7 items-center gap-1 rounded-md border border-line bg-surface px-2 text-xs font-medium hover:bg-sunken";

/** About one node of the graph: what it is, what it waited for, what it says, where to go from it. */
export function GraphPanel({ scene, row, opened, onOpen, onGo }: PanelProps) {
  const { nodes } = scene;
  const now = useNow().getTime();
  const counts = countsOf(nodes, row);
  const isMap = nodes.kinds[row] === "map";
  const child = nodes.childRuns.get(row);
  const [before, after] = useMemo(() => neighbours(scene, row), [scene, row]);
  const id = nodes.ids[row] ?? "";
  const started = nodes.started[row] ?? NaN;
  const ended = nodes.ended[row] ?? NaN;
  const type = STATES[nodes.states[row] ?? 255];
  return (
    <aside
      aria-label="The selected node"
      className="absolute inset-x-2 bottom-2 z-10 flex max-h-[55%] flex-col overflow-hidden rounded-lg border border-line bg-raised shadow-lg sm:inset-x-auto sm:top-2 sm:right-2 sm:max-h-none sm:w-80"
    >
      <header className="flex items-start gap-2 border-b border-line px-3 py-2">
        <div className="min-w-0 flex-1">
          <h2 className="text-sm font-semibold break-words">{nameOf(nodes, row)}</h2>
          <div className="mt-1 flex flex-wrap items-center gap-2 text-xs text-ink-2">
            <StateBadge type={type} />
            {took(nodes, row, now) !== "" && <span>{took(nodes, row, now)}</span>}
            {!Number.isNaN(started) && (
              <span className="text-ink-3">
                {clockTime(new Date(started))}
                {!Number.isNaN(ended) && ` – ${clockTime(new Date(ended))}`}
              </span>
            )}
          </div>
        </div>
        <Button look="ghost" className="size-7 px-0" aria-label="Close" onClick={() => onGo(-1)}>
          <X size={15} aria-hidden />
        </Button>
      </header>
      <div className="min-h-0 flex-1 space-y-3 overflow-y-auto px-3 py-2.5 text-xs">
        {counts.length > 0 && <Histogram counts={counts} />}
        <div className="flex flex-wrap gap-1.5">
          {canOpen(nodes, row) && (
            <Button
              size="small"
              aria-expanded={opened.has(row)}
              onClick={() => onOpen([row], !opened.has(row))}
            >
              {opened.has(row) ? (
                <ChevronDown size={13} aria-hidden />
              ) : (
                <ChevronRight size={13} aria-hidden />
              )}
              {opened.has(row) ? "Fold" : isMap ? "Open the map" : "Open here"}
            </Button>
          )}
          {child !== undefined && (
            <Link to="/runs/$run" params={{ run: child }} className={LINK}>
              The subflow run <ArrowRight size={13} aria-hidden />
            </Link>
          )}
          {nodes.kinds[row] === "task-run" && (
            <Link to="/task-runs/$task" params={{ task: id }} className={LINK}>
              The task run <ArrowRight size={13} aria-hidden />
            </Link>
          )}
        </div>
        {!isMap && child === undefined && <TaskMessage id={id} />}
        {child !== undefined && <FlowMessage id={child} />}
        <Neighbours title="Waited for" rows={before} scene={scene} onGo={onGo} left />
        <Neighbours title="Then" rows={after} scene={scene} onGo={onGo} />
        {!isMap && (
          <LatestLines
            about={child === undefined ? { task_run_ids: [id] } : { flow_run_ids: [child] }}
            live={Number.isNaN(ended)}
          />
        )}
      </div>
    </aside>
  );
}

function Histogram({ counts }: { counts: readonly [number, number][] }) {
  return (
    <div>
      <div className="flex h-3 overflow-hidden rounded" aria-hidden>
        {counts.map(([state, count]) => (
          <span
            key={state}
            className="min-w-[3px]"
            style={{ flex: count, background: lookOf(STATES[state]).colour }}
          />
        ))}
      </div>
      <ul className="mt-1.5 space-y-0.5">
        {counts.map(([state, count]) => (
          <li key={state} className="flex items-center gap-1.5">
            <span aria-hidden className="w-3 text-center" style={{ color: lookOf(STATES[state]).colour }}>
              {lookOf(STATES[state]).mark}
            </span>
            {stateWord(STATES[state])}
            <span className="ml-auto font-semibold">{count.toLocaleString()}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Why it is in its state, in the words of who set it. */
function TaskMessage({ id }: { id: string }) {
  const found = useQuery(taskRun(id));
  return <Message text={found.data?.states?.at(-1)?.message} />;
}

function FlowMessage({ id }: { id: string }) {
  const found = useQuery(flowRun(id));
  return <Message text={found.data?.states?.at(-1)?.message} />;
}

function Message({ text }: { text: string | null | undefined }) {
  if (text == null || text === "") return null;
  return (
    <p className="max-h-32 overflow-y-auto rounded bg-sunken px-2 py-1.5 font-mono text-[0.7rem] break-words whitespace-pre-wrap">
      {text}
    </p>
  );
}

function neighbours(scene: PanelProps["scene"], row: number): [number[], number[]] {
  const before: number[] = [];
  const after: number[] = [];
  const place = scene.placeOf[row] ?? -1;
  if (place >= 0) scene.linksOf(place, (other, leads) => (leads ? after : before).push(scene.row(other)));
  return [before, after];
}

interface NeighboursProps {
  title: string;
  rows: readonly number[];
  scene: PanelProps["scene"];
  onGo: (row: number) => void;
  left?: boolean;
}

function Neighbours({ title, rows, scene: { nodes }, onGo, left = false }: NeighboursProps) {
  const [all, setAll] = useState(false);
  if (rows.length === 0) return null;
  const Arrow = left ? ArrowLeft : ArrowRight;
  const shown = all ? rows.slice(0, 200) : rows.slice(0, NAMED);
  return (
    <section>
      <h3 className="mb-0.5 font-semibold text-ink-2">
        {title} {rows.length > 1 && <span className="font-normal">({rows.length.toLocaleString()})</span>}
      </h3>
      <ul>
        {shown.map((row) => {
          const look = lookOf(STATES[nodes.states[row] ?? 255]);
          return (
            <li key={row}>
              <button
                type="button"
                className="flex w-full items-center gap-1.5 rounded px-1 py-0.5 text-left hover:bg-sunken"
                onClick={() => onGo(row)}
              >
                <Arrow size={12} aria-hidden className="shrink-0 text-ink-3" />
                <span aria-hidden className="w-3 shrink-0 text-center" style={{ color: look.colour }}>
                  {look.mark}
                </span>
                <span className="truncate">{nameOf(nodes, row)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {rows.length > shown.length && (
        <button type="button" className="px-1 text-ink-2 underline" onClick={() => setAll(true)}>
          {(rows.length - shown.length).toLocaleString()} more
        </button>
      )}
    </section>
  );
}
