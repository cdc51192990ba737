import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowDown, ArrowUp, GripVertical } from "lucide-react";
import { type SyntheticEvent, useEffect, useMemo, useState } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { throttled, useStream } from "@/api/live";
import { poolKeys, queued, useMoveRun, type WorkPool } from "@/api/pools";
import { Ago } from "@/components/Moment";
import { Empty, Trouble } from "@/components/Notices";
import { Rows } from "@/components/Rows";
import { StateBadge } from "@/components/StateBadge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { dropped } from "@/features/pools/order";
import { classes } from "@/lib/classes";

const SHOWN = 200;

/** By which a dragged run is told from whatever else may be dragged over this page. */
const DRAGGED = "application/x-levada-run";

/** Runs that wait in a pool, in the order in which workers will get them. */
export function WaitingRuns({ pool }: { pool: WorkPool }) {
  const name = pool.spec.name;
  const queues = (pool.queues ?? []).map((queue) => queue.spec.name);
  const [queue, setQueue] = useState<string | null>(null);
  const [moving, setMoving] = useState<FlowRun | null>(null);
  const found = useQuery(queued(name, queue, SHOWN));
  const queries = useQueryClient();
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: poolKeys.one(name) }), 1_000),
    [queries, name],
  );
  useEffect(() => again.cancel, [again]);
  useStream("/api/runs/stream", ["flow-run"], again, again);
  const runs = found.data ?? [];
  return (
    <Card
      title={
        <>
          Waiting runs, next first{" "}
          {runs.length >= SHOWN && <span className="font-normal text-ink-3">· the first {SHOWN}</span>}
        </>
      }
      aside={
        <Select
          aria-label="Queue"
          value={queue ?? ""}
          onChange={(event) => setQueue(event.target.value || null)}
        >
          <option value="">All queues</option>
          {queues.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </Select>
      }
    >
      <Rows
        items={runs}
        keyOf={(run) => run.id}
        row={(run) => <WaitingRow run={run} runs={runs} onMove={() => setMoving(run)} />}
        label="Waiting runs"
        height={45}
        className="max-h-96 overflow-auto"
        empty={<Empty title="Nothing waits here." />}
        pending={found.isPending}
        problem={found.error}
        retry={() => void found.refetch()}
      />
      {moving !== null && <MoveRun run={moving} queues={queues} onClose={() => setMoving(null)} />}
    </Card>
  );
}

/** A run in line: dragged onto another one, or moved by its arrows, it takes its place there. */
function WaitingRow({ run, runs, onMove }: { run: FlowRun; runs: FlowRun[]; onMove: () => void }) {
  const place = runs.indexOf(run);
  const [over, setOver] = useState(false);
  const move = useMoveRun();
  const put = (from: string, onto: string | undefined): void => {
    const where = onto === undefined ? null : dropped(runs, from, onto);
    const own = runs.find((one) => one.id === from);
    if (where === null || own === undefined) return;
    move.mutate({
      run: from,
      priority: where.priority,
      ...(where.queue === own.work_queue_name ? {} : { queue: where.queue }),
    });
  };
  return (
    <div
      className={classes(
        "flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-sm",
        over && "bg-accent-soft",
        move.isPending && "opacity-50",
      )}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        put(event.dataTransfer.getData(DRAGGED), run.id);
      }}
    >
      <span
        draggable
        className="-ml-2 cursor-grab text-ink-3"
        title="Drag it to where it shall stand"
        onDragStart={(event) => {
          event.dataTransfer.setData(DRAGGED, run.id);
          event.dataTransfer.effectAllowed = "move";
        }}
      >
        <GripVertical size={14} aria-hidden />
      </span>
      <span className="w-5 text-right text-xs text-ink-3 tabular-nums">{place + 1}</span>
      <Link to="/runs/$run" params={{ run: run.id }} className="min-w-32 flex-1 truncate hover:underline">
        <span className="text-ink-2">{run.flow_name}</span>
        <span className="text-ink-3"> / </span>
        <span className="font-medium">{run.name}</span>
      </Link>
      <StateBadge type={run.state_type} name={run.state_name} />
      <span className="text-xs text-ink-3">{run.work_queue_name}</span>
      <span className="text-xs text-ink-2 tabular-nums">priority {run.priority ?? 0}</span>
      <span className="w-20 text-right text-xs text-ink-2">
        <Ago at={run.expected_start_time} />
      </span>
      <span className="flex">
        <Button
          size="icon"
          look="ghost"
          className="size-7"
          aria-label={`Let ${run.name} be taken before the one above`}
          disabled={place === 0 || move.isPending}
          onClick={() => put(run.id, runs[place - 1]?.id)}
        >
          <ArrowUp size={13} />
        </Button>
        <Button
          size="icon"
          look="ghost"
          className="size-7"
          aria-label={`Let ${run.name} be taken after the one below`}
          disabled={place === runs.length - 1 || move.isPending}
          onClick={() => put(run.id, runs[place + 1]?.id)}
        >
          <ArrowDown size={13} />
        </Button>
        <Button size="small" look="ghost" onClick={onMove}>
          Move …
        </Button>
      </span>
    </div>
  );
}

function MoveRun({ run, queues, onClose }: { run: FlowRun; queues: string[]; onClose: () => void }) {
  const [priority, setPriority] = useState(String(run.priority ?? 0));
  const [queue, setQueue] = useState(run.work_queue_name ?? "");
  const move = useMoveRun({ quiet: true });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    move.mutate(
      { run: run.id, priority: Number(priority), ...(queue === run.work_queue_name ? {} : { queue }) },
      { onSuccess: onClose },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Move ${run.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="move-run" disabled={move.isPending}>
            Move
          </Button>
        </>
      }
    >
      <form id="move-run" onSubmit={send} className="grid gap-3 sm:grid-cols-2">
        <Field label="Priority" hint="Within a queue, higher numbers are taken first.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              value={priority}
              onChange={(event) => setPriority(event.target.value)}
            />
          )}
        </Field>
        <Field label="Queue">
          {(ids) => (
            <Select
              {...ids}
              className="w-full"
              value={queue}
              onChange={(event) => setQueue(event.target.value)}
            >
              {queues.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </Select>
          )}
        </Field>
      </form>
      {move.error !== null && <Trouble problem={move.error} />}
    </Dialog>
  );
}
