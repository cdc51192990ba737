/**
 * What the rooms of the graph tell each other: columns of numbers rather than objects, so that a hundred thousand nodes
 * are laid out, drawn and handed to a worker without a hundred thousand allocations.
 *
 * A **node** is a task run, a subflow run or a map that stands for its items. Moments are milliseconds since 1970; NaN
 * means: not yet.
 */

import { STATE_TYPES } from "@/lib/states";

/** Number of a state in `STATES`; fits a byte. */
export type StateCode = number;

/** What a `StateCode` means. */
export const STATES = STATE_TYPES;

/** The code of a state that did not arrive yet, or that this page does not know. */
export const UNKNOWN_STATE: StateCode = 255;

/** The fewest items of a map that becomes one node; a smaller map's items stand by themselves. As in the server. */
export const FOLDED_FROM = 8;

export type NodeKind = "task-run" | "flow-run" | "map";

/** How the server calls a map: `GET /api/flow_runs/{run}/graph?map_id={map}`. */
export interface MapName {
  readonly run: string;
  readonly map: string;
}

/** The nodes of a graph by their row; rows are never reused while the graph is looked at. */
export interface Nodes {
  readonly count: number;
  readonly ids: readonly string[];
  readonly labels: readonly string[];
  readonly kinds: readonly NodeKind[];
  readonly states: Uint8Array;
  readonly started: Float64Array;
  readonly ended: Float64Array;
  /** Row of the node that holds this one (a map its items, a task or an opened subflow what it called); -1: none. */
  readonly holders: Int32Array;
  /** How many items a map has, and how many of them are in which state; of other nodes 1 and nothing. */
  readonly sizes: Int32Array;
  /** The place of an item in its map; -1 for what is no item. */
  readonly indexes: Int32Array;
  readonly histograms: ReadonlyMap<number, ReadonlyMap<StateCode, number>>;
  /** Rows of what a node waited for: those of row r are `parents[parentStarts[r]]` to before `parents[parentStarts[r + 1]]`. */
  readonly parents: Int32Array;
  readonly parentStarts: Int32Array;
  /** The run that a subflow node stands for. */
  readonly childRuns: ReadonlyMap<number, string>;
  /** By the row of a map: its run and its name there, with which its items are asked for. */
  readonly maps: ReadonlyMap<number, MapName>;
}

export type LayoutKind = "time" | "dependencies";

/** The columns that a layout is made of. */
export type LayoutNodes = Pick<
  Nodes,
  "count" | "kinds" | "started" | "ended" | "holders" | "indexes" | "parents" | "parentStarts"
>;

/**
 * Where the nodes that are shown lie, in units of the layout: rows of one unit, or milliseconds over time.
 *
 * Nothing overlaps: what is in an opened node lies below it. By dependencies a node is `NODE_WIDTH` wide (layout/sizes.ts)
 * and one high, the items of a great map `CELL` both ways. Over time what has not started stands behind `now`, side by
 * side; leave a little room within the rows when drawing, for they touch.
 */
export interface Layout {
  readonly kind: LayoutKind;
  /** Rows of `Nodes` that are shown, in the order of drawing. */
  readonly shown: Int32Array;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly width: Float64Array;
  readonly height: Float64Array;
  /** Pairs of places in `shown`: from what was waited for, to who waited. */
  readonly edges: Int32Array;
  readonly extent: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  };
}

/** What is opened, and what is asked of the layout. */
export interface LayoutWish {
  readonly kind: LayoutKind;
  /** Rows of maps and subflows that are shown with what is inside them. */
  readonly opened: ReadonlySet<number>;
  /** Until when what has not ended goes. */
  readonly now: number;
}
