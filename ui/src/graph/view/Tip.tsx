import { useNow } from "@/lib/clock";
import { lookOf, stateWord } from "@/lib/states";

import { nameOf } from "../names";
import { type Nodes, STATES } from "../types";
import { countsOf, stateOf, took } from "./words";

interface TipProps {
  nodes: Nodes;
  row: number;
  x: number;
  y: number;
  /** Pixels across the picture. */
  width: number;
}

const WIDE = 260;

/** What is under the pointer, beside it. */
export function Tip({ nodes, row, x, y, width }: TipProps) {
  const counts = countsOf(nodes, row);
  const time = took(nodes, row, useNow().getTime());
  const left = x + 14 + WIDE > width ? Math.max(4, x - WIDE - 10) : x + 14;
  return (
    <div
      className="pointer-events-none absolute z-20 rounded-md border border-line bg-raised px-2.5 py-1.5 text-xs shadow-lg"
      style={{ left, top: y + 14, maxWidth: WIDE }}
      aria-hidden
    >
      <div className="font-medium break-words">{nameOf(nodes, row)}</div>
      {counts.length === 0 ? (
        <div className="text-ink-2">
          <span style={{ color: lookOf(STATES[nodes.states[row] ?? 255]).colour }}>
            {lookOf(STATES[nodes.states[row] ?? 255]).mark}
          </span>{" "}
          {stateOf(nodes, row)}
          {time !== "" && ` · ${time}`}
        </div>
      ) : (
        <>
          {counts.map(([state, count]) => (
            <div key={state} className="flex justify-between gap-4 text-ink-2">
              <span>
                <span style={{ color: lookOf(STATES[state]).colour }}>{lookOf(STATES[state]).mark}</span>{" "}
                {stateWord(STATES[state])}
              </span>
              <span>{count.toLocaleString()}</span>
            </div>
          ))}
          {time !== "" && <div className="text-ink-3">{time}</div>}
        </>
      )}
    </div>
  );
}
