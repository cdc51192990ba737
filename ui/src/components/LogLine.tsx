import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronRight, SquareArrowOutUpRight } from "lucide-react";

import type { Log } from "@/api/logs";
import { pieces } from "@/components/ansi";
import { classes } from "@/lib/classes";
import { clockTime, exactTime } from "@/lib/time";

function levelOf(level: number): { word: string; colour: string } {
  if (level >= 50) return { word: "CRIT", colour: "var(--state-failed)" };
  if (level >= 40) return { word: "ERROR", colour: "var(--state-failed)" };
  if (level >= 30) return { word: "WARN", colour: "var(--state-late)" };
  if (level >= 20) return { word: "INFO", colour: "var(--state-running)" };
  return { word: "DEBUG", colour: "var(--ink-3)" };
}

interface LogLineProps {
  log: Log;
  /** A link points at it. */
  marked: boolean;
  wrap: boolean;
  /** Whether lines of several task runs are among each other. */
  linked: boolean;
  open: boolean;
  onOpen: () => void;
  onMark: () => void;
}

/** One line: when, how bad, what, from where; its fields unfold. */
export function LogLine({ log, marked, wrap, linked, open, onOpen, onMark }: LogLineProps) {
  const moment = new Date(log.timestamp);
  const { word, colour } = levelOf(log.level);
  const fields = Object.entries(log.fields ?? {});
  return (
    <div className={classes("hover:bg-sunken", marked && "bg-accent-soft")}>
      <div className="flex gap-3 px-3 py-0.5">
        <button
          type="button"
          className="shrink-0 self-start text-ink-3 hover:underline"
          title={`${exactTime(moment)}: link to this line`}
          aria-label={`${clockTime(moment)}: link to this line`}
          onClick={onMark}
        >
          {clockTime(moment)}
        </button>
        <span className="w-11 shrink-0 font-semibold" style={{ color: colour }}>
          {word}
        </span>
        <span className={classes("min-w-0", wrap ? "break-words whitespace-pre-wrap" : "whitespace-pre")}>
          {pieces(log.message).map((piece, index) => (
            <span
              key={index}
              style={{ color: piece.colour, fontWeight: piece.bold === true ? 600 : undefined }}
            >
              {piece.text}
            </span>
          ))}
          {fields.length > 0 && (
            <button
              type="button"
              aria-expanded={open}
              className="ml-2 inline-flex items-center rounded border border-line px-1 text-ink-2 hover:bg-surface"
              onClick={onOpen}
            >
              {open ? <ChevronDown size={12} aria-hidden /> : <ChevronRight size={12} aria-hidden />}
              {fields.length === 1 ? "1 field" : `${fields.length} fields`}
            </button>
          )}
        </span>
        <span className="ml-auto flex shrink-0 items-center gap-1.5 self-start pl-4 text-ink-3 max-sm:hidden">
          {log.logger}
          {linked && log.task_run_id != null && (
            <Link
              to="/task-runs/$task"
              params={{ task: log.task_run_id }}
              title="The task run that wrote this line"
              aria-label="The task run that wrote this line"
              className="hover:text-ink"
            >
              <SquareArrowOutUpRight size={12} aria-hidden />
            </Link>
          )}
        </span>
      </div>
      {open && (
        <dl className="mb-1 ml-[9.5rem] grid w-max max-w-[60rem] grid-cols-[auto_1fr] gap-x-3 rounded border border-line bg-surface px-2 py-1 max-sm:ml-3">
          {fields.map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-ink-3">{name}</dt>
              <dd className="break-words whitespace-pre-wrap">
                {typeof value === "string" ? value : JSON.stringify(value, null, 1)}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
