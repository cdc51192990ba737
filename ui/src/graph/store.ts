import { Bytes, Moments, Rows } from "./columns";
import { Links } from "./links";
import { momentOf } from "./moments";
import { codeOf, stateOfAll, type Summary, Tally } from "./tally";
import { FOLDED_FROM, type MapName, type NodeKind, type Nodes, UNKNOWN_STATE } from "./types";

/** A node as the server gives it: `Schemas["GraphNode"]`, as far as the store reads it. */
export interface GivenNode {
  id: string;
  kind: string;
  label: string;
  state_type?: string | null;
  start_time?: string | null;
  end_time?: string | null;
  parents?: readonly string[];
  encapsulating?: string | null;
  child_flow_run_id?: string | null;
  map_id?: string | null;
  map_index?: number | null;
  size?: number | null;
  states?: Partial<Record<string, number>>;
}

/** A page of the server's answer: `Schemas["Graph"]`, as far as the store reads it. */
export interface GivenPage {
  flow_run_id: string;
  nodes: readonly GivenNode[];
}

/** A map, from when its first item or its summary came. */
interface MapRecord {
  name: MapName;
  /** -1 until there are enough items to be one node. */
  row: number;
  tally: Tally;
  /** What the server said of it; it goes before what the items here come to, for not all of them may be here. */
  told: Summary | null;
  /** The first of the items that came, which gives the map its name. */
  first: number;
}

const NONE = -1;

/**
 * The nodes of a run, and of the subflow runs that were opened in it, as they come.
 *
 * Pages may come in any order and more than once: a node is known by its id and keeps its row. What a node points to
 * may come after it.
 */
export class GraphStore {
  /** Grows with each page that changed something. */
  version = 0;

  private readonly ids: string[] = [];
  private readonly labels: string[] = [];
  private readonly kinds: NodeKind[] = [];
  private readonly states = new Bytes(UNKNOWN_STATE);
  private readonly started = new Moments();
  private readonly ended = new Moments();
  private readonly holders = new Rows(NONE);
  private readonly sizes = new Rows(1);
  private readonly indexes = new Rows(NONE);
  private readonly childRuns = new Map<number, string>();
  private readonly rows = new Map<string, number>();
  private readonly links = new Links(this.rows);
  private readonly maps = new Map<string, MapRecord>();
  private readonly mapOfItem = new Map<number, MapRecord>();
  /** By row: the id of what called it, and the run that it is in. */
  private readonly callers: (string | undefined)[] = [];
  private readonly runs: string[] = [];
  private readonly calledBy = new Map<string, number[]>();
  private readonly openedRuns = new Set<string>();
  private readonly subflowRows = new Map<string, number>();
  /** The rows of a subflow run whose own row has not come. */
  private readonly topRows = new Map<string, Set<number>>();
  private touchedMaps = new Set<MapRecord>();
  private changed = new Set<number>();
  private last: Nodes | undefined;
  private lastVersion = -1;

  constructor(private readonly run: string) {}

  /** Take in a page of this run, or of a subflow run that is open. Returns the rows that are not what they were. */
  apply(page: GivenPage): number[] {
    const { flow_run_id: run } = page;
    if (run !== this.run && !this.openedRuns.has(run)) return [];
    this.changed = new Set();
    for (const node of page.nodes) {
      if (node.kind === "map" && node.map_id) this.takeMap(run, node, node.map_id);
      else this.takeRun(run, node);
    }
    for (const map of this.touchedMaps) this.sumUp(map);
    this.touchedMaps.clear();
    if (this.changed.size > 0) this.version += 1;
    return [...this.changed];
  }

  /** From now on the pages of this subflow run belong under its row, which is returned; -1 while it has not come. */
  open(childRun: string): number {
    this.openedRuns.add(childRun);
    return this.subflowRows.get(childRun) ?? NONE;
  }

  rowOf(id: string): number | undefined {
    return this.rows.get(id);
  }

  get count(): number {
    return this.ids.length;
  }

  /** The nodes as they are now. The columns are copies and do not change any more; the same ones until something does. */
  snapshot(): Nodes {
    if (this.last !== undefined && this.lastVersion === this.version) return this.last;
    const count = this.ids.length;
    const folded = [...this.maps.values()].filter((map) => map.row !== NONE);
    this.lastVersion = this.version;
    this.last = {
      count,
      ids: this.ids.slice(),
      labels: this.labels.slice(),
      kinds: this.kinds.slice(),
      states: this.states.copied(count),
      started: this.started.copied(count),
      ended: this.ended.copied(count),
      holders: this.holders.copied(count),
      sizes: this.sizes.copied(count),
      indexes: this.indexes.copied(count),
      histograms: new Map(folded.map((map) => [map.row, new Map(this.summaryOf(map).histogram)])),
      ...this.links.columns(count),
      childRuns: new Map(this.childRuns),
      maps: new Map(folded.map((map) => [map.row, map.name])),
    };
    return this.last;
  }

  private takeRun(run: string, node: GivenNode): void {
    const row = this.rows.get(node.id);
    const code = codeOf(node.state_type);
    const started = momentOf(node.start_time);
    const ended = momentOf(node.end_time);
    if (row === undefined) {
      this.addRun(run, node, code, started, ended);
      return;
    }
    const before = this.states.at(row);
    const wasStarted = this.started.at(row);
    const wasEnded = this.ended.at(row);
    if (this.labels[row] !== node.label) {
      this.labels[row] = node.label;
      this.changed.add(row);
    }
    if (this.links.put(row, node.parents ?? [])) this.changed.add(row);
    if (node.child_flow_run_id) this.putChild(row, node.child_flow_run_id);
    if (before === code && Object.is(wasStarted, started) && Object.is(wasEnded, ended)) return;
    this.states.put(row, code);
    this.started.put(row, started);
    this.ended.put(row, ended);
    this.changed.add(row);
    const map = this.mapOfItem.get(row);
    if (map === undefined) return;
    map.tally.change(before, wasStarted, wasEnded, code, started, ended);
    this.touchedMaps.add(map);
  }

  private addRun(run: string, node: GivenNode, code: number, started: number, ended: number): void {
    const row = this.addRow(node.id, run, node.child_flow_run_id ? "flow-run" : "task-run", node.label);
    this.states.put(row, code);
    this.started.put(row, started);
    this.ended.put(row, ended);
    this.sizes.put(row, 1);
    this.indexes.put(row, node.map_id ? (node.map_index ?? NONE) : NONE);
    this.links.put(row, node.parents ?? []);
    this.putCaller(row, node.encapsulating);
    if (node.map_id) this.addItem(this.mapOf(run, node.map_id), row, code, started, ended);
    if (node.child_flow_run_id) this.putChild(row, node.child_flow_run_id);
    this.hold(row);
  }

  private addItem(map: MapRecord, row: number, code: number, started: number, ended: number): void {
    this.mapOfItem.set(row, map);
    map.tally.add(row, code, started, ended);
    if (map.first === NONE || this.indexes.at(row) < this.indexes.at(map.first)) map.first = row;
    this.touchedMaps.add(map);
    if (map.row === NONE && map.tally.items.length >= FOLDED_FROM)
      this.fold(map, `map:${map.name.run}:${map.name.map}`);
  }

  private takeMap(run: string, node: GivenNode, mapId: string): void {
    const map = this.mapOf(run, mapId);
    if (map.row === NONE) this.fold(map, node.id);
    const { row } = map;
    if (!this.rows.has(node.id)) this.arrived(node.id, row);
    if (this.labels[row] !== node.label) {
      this.labels[row] = node.label;
      this.changed.add(row);
    }
    if (this.links.put(row, node.parents ?? [])) this.changed.add(row);
    this.putCaller(row, node.encapsulating);
    this.hold(row);
    const histogram = new Map(Object.entries(node.states ?? {}).map(([type, n]) => [codeOf(type), n ?? 0]));
    const [started, ended] = [momentOf(node.start_time), momentOf(node.end_time)];
    const told = { size: node.size ?? 0, histogram, started, ended };
    if (map.told !== null && same(map.told, told)) return;
    map.told = told;
    this.touchedMaps.add(map);
  }

  /** From here on a map is a node, and its items are in it. */
  private fold(map: MapRecord, id: string): void {
    map.row = this.addRow(id, map.name.run, "map", "");
    for (const item of map.tally.items) this.hold(item);
  }

  private sumUp(map: MapRecord): void {
    const { row } = map;
    if (row === NONE) return;
    const { size, histogram, started, ended } = this.summaryOf(map);
    this.states.put(row, stateOfAll(histogram));
    this.started.put(row, started);
    this.ended.put(row, ended);
    this.sizes.put(row, size);
    if (map.told === null && map.first !== NONE) {
      this.labels[row] = this.labels[map.first] ?? "";
      this.putCaller(row, this.callers[map.first]);
      this.hold(row);
    }
    this.changed.add(row);
  }

  private summaryOf(map: MapRecord): Summary {
    return (
      map.told ??
      map.tally.summary(
        (item) => this.started.at(item),
        (item) => this.ended.at(item),
      )
    );
  }

  private mapOf(run: string, mapId: string): MapRecord {
    const key = `${run}/${mapId}`;
    let map = this.maps.get(key);
    if (map === undefined) {
      map = { name: { run, map: mapId }, row: NONE, tally: new Tally(), told: null, first: NONE };
      this.maps.set(key, map);
    }
    return map;
  }

  private addRow(id: string, run: string, kind: NodeKind, label: string): number {
    const row = this.ids.length;
    this.ids.push(id);
    this.labels.push(label);
    this.kinds.push(kind);
    this.runs.push(run);
    this.holders.put(row, NONE);
    this.indexes.put(row, NONE);
    this.changed.add(row);
    this.arrived(id, row);
    return row;
  }

  /** Who pointed to an id before it came points to its row from now on. */
  private arrived(id: string, row: number): void {
    this.rows.set(id, row);
    for (const child of this.links.came(id)) this.changed.add(child);
    for (const called of this.calledBy.get(id) ?? []) this.hold(called);
  }

  private putCaller(row: number, caller: string | null | undefined): void {
    if (!caller || this.callers[row] === caller) return;
    this.callers[row] = caller;
    const called = this.calledBy.get(caller);
    if (called === undefined) this.calledBy.set(caller, [row]);
    else called.push(row);
  }

  private putChild(row: number, childRun: string): void {
    if (this.childRuns.get(row) === childRun) return;
    this.childRuns.set(row, childRun);
    this.kinds[row] = "flow-run";
    this.subflowRows.set(childRun, row);
    this.changed.add(row);
    for (const top of this.topRows.get(childRun) ?? []) this.hold(top);
  }

  /** Put a node into what holds it: its map, else what called it, else the subflow that it is part of. */
  private hold(row: number): void {
    const map = this.mapOfItem.get(row);
    const caller = this.callers[row];
    let holder = map?.row ?? NONE;
    if (holder === NONE && caller !== undefined) holder = this.rows.get(caller) ?? NONE;
    if (holder === NONE) holder = this.holderOfRun(row);
    if (this.holders.at(row) === holder || this.isInside(holder, row)) return;
    this.holders.put(row, holder);
    this.changed.add(row);
  }

  /** Whatever comes, nothing is ever held by what it holds itself. */
  private isInside(row: number, other: number): boolean {
    for (let above = row; above !== NONE; above = this.holders.at(above)) if (above === other) return true;
    return false;
  }

  private holderOfRun(row: number): number {
    const run = this.runs[row] ?? this.run;
    if (run === this.run) return NONE;
    const holder = this.subflowRows.get(run);
    if (holder !== undefined) return holder;
    const tops = this.topRows.get(run);
    if (tops === undefined) this.topRows.set(run, new Set([row]));
    else tops.add(row);
    return NONE;
  }
}

function same(one: Summary, other: Summary): boolean {
  return (
    one.size === other.size &&
    Object.is(one.started, other.started) &&
    Object.is(one.ended, other.ended) &&
    one.histogram.size === other.histogram.size &&
    [...one.histogram].every(([code, count]) => other.histogram.get(code) === count)
  );
}
