import { isFinal } from "@/lib/states";

import { STATES, UNKNOWN_STATE, type StateCode } from "./types";

/** The states of those that may still do something, as numbers. */
const OPEN = STATES.map((type) => !isFinal(type));

const CODES = new Map<string, StateCode>(STATES.map((type, code) => [type, code]));

export function codeOf(type: string | null | undefined): StateCode {
  return CODES.get(type ?? "") ?? UNKNOWN_STATE;
}

/** Whether something more may happen to what is in this state. */
export function isOpen(code: StateCode): boolean {
  return OPEN[code] ?? true;
}

/** Of which states one is the state of all, in this order; a map runs while some of it ended and some did not. */
const WORST = ["FAILED", "CRASHED", "CANCELLED", "COMPLETED"].map(codeOf);
const BUSIEST = ["RUNNING", "CANCELLING", "PAUSED", "PENDING", "SCHEDULED"].map(codeOf);
const RUNNING = codeOf("RUNNING");

/** What is known of a map: by itself, or from the items that came. */
export interface Summary {
  size: number;
  histogram: Map<StateCode, number>;
  started: number;
  ended: number;
}

/** The one state in which a map is shown. */
export function stateOfAll(histogram: ReadonlyMap<StateCode, number>): StateCode {
  const has = (code: StateCode): boolean => (histogram.get(code) ?? 0) > 0;
  const someEnded = WORST.some(has);
  if (BUSIEST.some(has)) return someEnded ? RUNNING : (BUSIEST.find(has) ?? RUNNING);
  return WORST.find(has) ?? UNKNOWN_STATE;
}

/** Counts the items of a map as they come and change. */
export class Tally {
  readonly items: number[] = [];
  readonly histogram = new Map<StateCode, number>();
  private started = NaN;
  private latestEnd = NaN;
  private going = 0;
  /** A moment at the edge went away: the edges are looked for anew. */
  private stale = false;

  add(row: number, code: StateCode, started: number, ended: number): void {
    this.items.push(row);
    this.count(code, 1);
    this.reach(started, ended);
  }

  change(
    before: StateCode,
    wasStarted: number,
    wasEnded: number,
    code: StateCode,
    started: number,
    ended: number,
  ) {
    if (before !== code) {
      this.count(before, -1);
      this.count(code, 1);
    }
    if (Number.isNaN(wasEnded)) this.going -= 1;
    if (wasStarted !== started && wasStarted === this.started) this.stale = true;
    if (wasEnded !== ended && wasEnded === this.latestEnd) this.stale = true;
    this.reach(started, ended);
  }

  /** What the items come to; `NaN` as its end while one of them goes on. */
  summary(startedOf: (row: number) => number, endedOf: (row: number) => number): Summary {
    if (this.stale) {
      this.stale = false;
      this.started = this.latestEnd = NaN;
      for (const row of this.items) this.widen(startedOf(row), endedOf(row));
    }
    const ended = this.going > 0 ? NaN : this.latestEnd;
    return { size: this.items.length, histogram: this.histogram, started: this.started, ended };
  }

  private count(code: StateCode, by: number): void {
    const now = (this.histogram.get(code) ?? 0) + by;
    if (now > 0) this.histogram.set(code, now);
    else this.histogram.delete(code);
  }

  private reach(started: number, ended: number): void {
    if (Number.isNaN(ended)) this.going += 1;
    this.widen(started, ended);
  }

  private widen(started: number, ended: number): void {
    if (!(started >= this.started)) this.started = Number.isNaN(started) ? this.started : started;
    if (!(ended <= this.latestEnd)) this.latestEnd = Number.isNaN(ended) ? this.latestEnd : ended;
  }
}
