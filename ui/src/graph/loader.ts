import { isFinal } from "@/lib/states";

import { type GivenPage, GraphStore } from "./store";
import type { Nodes } from "./types";

/** What the loader reads of a page beside its nodes. */
export interface LoadedPage extends GivenPage {
  changed: string;
  state_type?: string | null;
}

/** The pages of a run, or of a map in it; with `since`, only of what changed. */
export type Pages = (
  run: string,
  wish: { since?: string | undefined; map?: string | undefined; signal: AbortSignal },
) => AsyncIterable<LoadedPage>;

/** Milliseconds between two questions about the same graph. */
const PAUSE = 1_000;

/** A run, or a map in it, that is looked at. */
interface Source {
  run: string;
  map: string | undefined;
  /** What to go on from; undefined before all of it was read once. */
  since: string | undefined;
  isFinal: boolean;
}

const NOTHING: ReadonlySet<number> = new Set();

/**
 * Reads the graph of a run, and what is opened in it, and goes on reading what changes: one request at a time, and not
 * more often than once a second. What has ended is asked about until an answer brings nothing new.
 */
export class GraphLoader {
  private readonly store: GraphStore;
  private readonly sources = new Map<string, Source>();
  private readonly watchers = new Set<() => void>();
  private opened: ReadonlySet<number> = NOTHING;
  private abort = new AbortController();
  private turn: Promise<void> | undefined;
  /** How often somebody said that something may have changed. */
  private wakes = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastEnd = -Infinity;
  private problem: unknown = null;
  private isWhole = false;

  constructor(
    run: string,
    private readonly pages: Pages,
  ) {
    this.store = new GraphStore(run);
    this.sources.set(run, { run, map: undefined, since: undefined, isFinal: false });
  }

  /** What is known now; the same objects until something changes. */
  readonly nodes = (): Nodes => this.store.snapshot();
  readonly openedRows = (): ReadonlySet<number> => this.opened;
  /** Why the last question had no answer; null when it had. */
  readonly error = (): unknown => this.problem;
  /** Whether everything that is looked at was read once. */
  readonly isComplete = (): boolean => this.isWhole;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  };

  /** Something may have changed: ask, now or when a second has passed since the last time. */
  readonly wake = (): void => {
    this.wakes += 1;
    if (this.turn !== undefined || this.timer !== undefined || this.abort.signal.aborted) return;
    const pause = Math.max(0, this.lastEnd + PAUSE - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.turn = this.read();
    }, pause);
  };

  /** Show what is in maps and subflows, or no longer. */
  readonly open = (rows: readonly number[], isOpen: boolean): void => {
    const opened = new Set(this.opened);
    for (const row of rows) {
      if (isOpen) opened.add(row);
      else opened.delete(row);
      this.look(row, isOpen);
    }
    this.opened = opened;
    this.tell();
    if (!isOpen) return;
    this.lastEnd = -Infinity; // somebody waits for it
    this.wake();
  };

  start(): void {
    this.abort = new AbortController();
    this.wake();
  }

  close(): void {
    this.abort.abort();
    clearTimeout(this.timer);
    this.timer = this.turn = undefined;
  }

  private look(row: number, isOpen: boolean): void {
    const nodes = this.store.snapshot();
    const map = nodes.maps.get(row);
    const child = nodes.childRuns.get(row);
    const run = map?.run ?? child;
    if (run === undefined) return;
    const key = map === undefined ? run : `${run}/${map.map}`;
    if (!isOpen) this.sources.delete(key);
    else if (!this.sources.has(key))
      this.sources.set(key, { run, map: map?.map, since: undefined, isFinal: false });
    if (isOpen && map === undefined) this.store.open(run);
  }

  private async read(): Promise<void> {
    const { signal } = this.abort;
    const heard = this.wakes;
    let hasChanged = false;
    try {
      for (const source of [...this.sources.values()])
        hasChanged = (await this.readSource(source, signal)) || hasChanged;
      this.problem = null;
      this.isWhole = true;
    } catch (problem) {
      this.problem = problem;
    }
    if (signal.aborted) {
      this.problem = null;
      return;
    }
    this.turn = undefined;
    this.lastEnd = performance.now();
    this.tell();
    if (this.wakes !== heard || (this.problem === null && this.mustGoOn(hasChanged))) this.wake();
  }

  /** What has ended comes to rest; subflows are not told of by the stream of the run, so they are asked about. */
  private mustGoOn(hasChanged: boolean): boolean {
    const all = [...this.sources.values()];
    const isUnread = all.some((source) => source.since === undefined);
    const hasGoingSubflow = all.slice(1).some((source) => source.map === undefined && !source.isFinal);
    return isUnread || hasGoingSubflow || (hasChanged && all[0]?.isFinal === true);
  }

  private async readSource(source: Source, signal: AbortSignal): Promise<boolean> {
    const isFirst = source.since === undefined;
    let [hasChanged, since] = [false, source.since];
    for await (const page of this.pages(source.run, { since, map: source.map, signal })) {
      if (signal.aborted) return hasChanged;
      hasChanged = this.store.apply(page).length > 0 || hasChanged;
      source.isFinal = isFinal(page.state_type);
      since = page.changed;
      if (isFirst) this.tell();
    }
    source.since = since;
    return hasChanged;
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher();
  }
}
