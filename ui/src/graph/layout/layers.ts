/** Nodes in layers, each after all that it waited for. A **node** is an index of what was given. */
export interface Level {
  readonly layers: readonly (readonly number[])[];
  readonly heights: Float64Array;
  readonly before: Neighbours;
  readonly after: Neighbours;
}

/** The neighbours of node n are `ends[starts[n]]` to before `ends[starts[n + 1]]`. */
interface Neighbours {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const SWEEPS = 4;
/** Above so many nodes nobody sees a crossing. */
const MANY = 20_000;

/** Put into layers by the longest way to each node, and each layer in an order that crosses few edges. */
export function order(
  places: readonly number[],
  pairs: readonly number[],
  heightOf: (place: number) => number,
): Level {
  const nodeOf = new Map<number, number>();
  places.forEach((place, node) => nodeOf.set(place, node));
  const edges = acyclic(
    places.length,
    Int32Array.from(pairs, (place) => nodeOf.get(place) ?? 0),
  );
  const before = neighbours(places.length, edges, 1);
  const after = neighbours(places.length, edges, 0);
  const layers = layersOf(places.length, before, after);
  const level = { layers, heights: Float64Array.from(places, heightOf), before, after };
  sweep(level, places.length > MANY ? 1 : SWEEPS);
  return level;
}

/** Without the edges that would close a circle, and each once. */
function acyclic(count: number, pairs: Int32Array): Int32Array {
  const seen = new Set<number>();
  const single = new Int32Array(pairs.length);
  let size = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const [from, to] = [pairs[at] ?? 0, pairs[at + 1] ?? 0];
    if (from === to || seen.has(from * count + to)) continue;
    seen.add(from * count + to);
    single[size++] = from;
    single[size++] = to;
  }
  const edges = single.slice(0, size);
  const rank = ranks(count, edges);
  const kept = new Int32Array(size);
  let end = 0;
  for (let at = 0; at < size; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    if ((rank[from] ?? 0) > (rank[to] ?? 0)) continue;
    kept[end++] = from;
    kept[end++] = to;
  }
  return kept.slice(0, end);
}

/** An order in which nodes come after what they wait for; where they go in a circle, the first of them goes first. */
function ranks(count: number, edges: Int32Array): Int32Array {
  const after = neighbours(count, edges, 0);
  const open = new Int32Array(count);
  for (let at = 1; at < edges.length; at += 2) open[edges[at] ?? 0] = (open[edges[at] ?? 0] ?? 0) + 1;
  const ready: number[] = [];
  for (let node = 0; node < count; node += 1) if (open[node] === 0) ready.push(node);
  const rank = new Int32Array(count).fill(-1);
  let next = 0;
  let firstLeft = 0;
  while (next < count) {
    const node = ready.pop() ?? firstLeft;
    firstLeft = node === firstLeft ? node + 1 : firstLeft;
    if (rank[node] !== -1) continue;
    rank[node] = next++;
    for (let at = after.starts[node] ?? 0; at < (after.starts[node + 1] ?? 0); at += 1) {
      const end = after.ends[at] ?? 0;
      open[end] = (open[end] ?? 0) - 1;
      if (open[end] === 0) ready.push(end);
    }
  }
  return rank;
}

function neighbours(count: number, edges: Int32Array, side: 0 | 1): Neighbours {
  const starts = new Int32Array(count + 1);
  for (let at = side; at < edges.length; at += 2) {
    const node = (edges[at] ?? 0) + 1;
    starts[node] = (starts[node] ?? 0) + 1;
  }
  for (let node = 0; node < count; node += 1)
    starts[node + 1] = (starts[node + 1] ?? 0) + (starts[node] ?? 0);
  const next = starts.slice();
  const ends = new Int32Array(edges.length / 2);
  for (let at = 0; at < edges.length; at += 2) {
    const node = edges[at + side] ?? 0;
    const place = next[node] ?? 0;
    ends[place] = edges[at + 1 - side] ?? 0;
    next[node] = place + 1;
  }
  return { starts, ends };
}

function layersOf(count: number, before: Neighbours, after: Neighbours): number[][] {
  const layerOf = new Int32Array(count);
  const open = new Int32Array(count);
  const queue: number[] = [];
  for (let node = 0; node < count; node += 1) {
    open[node] = (before.starts[node + 1] ?? 0) - (before.starts[node] ?? 0);
    if (open[node] === 0) queue.push(node);
  }
  const layers: number[][] = [];
  for (let head = 0; head < queue.length; head += 1) {
    const node = queue[head] ?? 0;
    const layer = layerOf[node] ?? 0;
    (layers[layer] ??= []).push(node);
    for (let at = after.starts[node] ?? 0; at < (after.starts[node + 1] ?? 0); at += 1) {
      const end = after.ends[at] ?? 0;
      layerOf[end] = Math.max(layerOf[end] ?? 0, layer + 1);
      open[end] = (open[end] ?? 0) - 1;
      if (open[end] === 0) queue.push(end);
    }
  }
  return layers;
}

/** Order each layer by the middle of its neighbours, from left to right and back. */
function sweep({ layers, before, after }: Level, times: number): void {
  const position = new Float64Array(before.starts.length);
  const number = (layer: readonly number[]): void =>
    layer.forEach((node, at) => (position[node] = at / Math.max(1, layer.length - 1)));
  layers.forEach(number);
  for (let time = 0; time < times; time += 1) {
    const forward = time % 2 === 0;
    for (let step = 1; step < layers.length; step += 1) {
      const layer = layers[forward ? step : layers.length - 1 - step] as number[];
      byMiddle(layer, forward ? before : after, position);
      number(layer);
    }
  }
}

function byMiddle(layer: number[], { starts, ends }: Neighbours, position: Float64Array): void {
  const middle = new Map<number, number>();
  for (const node of layer) {
    const [start, stop] = [starts[node] ?? 0, starts[node + 1] ?? 0];
    let sum = 0;
    for (let at = start; at < stop; at += 1) sum += position[ends[at] ?? 0] ?? 0;
    middle.set(node, stop > start ? sum / (stop - start) : (position[node] ?? 0));
  }
  layer.sort((one, other) => (middle.get(one) ?? 0) - (middle.get(other) ?? 0) || one - other);
}

/** The top of each node: as near to the middle of its neighbours as the others of its layer let it, from zero on. */
export function place(level: Level): Float64Array {
  const { layers, heights, before, after } = level;
  const tops = new Float64Array(heights.length);
  for (const layer of layers) settle(layer, heights, tops, undefined);
  for (const [side, forward] of [
    [before, true],
    [after, false],
    [before, true],
  ] as const)
    for (let step = 1; step < layers.length; step += 1)
      settle(layers[forward ? step : layers.length - 1 - step] ?? [], heights, tops, side);
  let least = Infinity;
  for (const top of tops) least = Math.min(least, top);
  return tops.map((top) => top - least);
}

/**
 * Give a layer's nodes the tops that are, in the sum of squares, nearest to where they want to be without changing
 * their order: those that would overlap form a block around the middle of what they want.
 */
function settle(
  layer: readonly number[],
  heights: Float64Array,
  tops: Float64Array,
  side: Neighbours | undefined,
): void {
  const sums: number[] = [];
  const sizes: number[] = [];
  const offsets = new Float64Array(layer.length);
  let offset = 0;
  layer.forEach((node, at) => {
    offsets[at] = offset;
    sums.push(wanted(node, heights, tops, side) - offset);
    sizes.push(1);
    offset += heights[node] ?? 1;
    while (sums.length > 1) {
      const last = sums.length - 1;
      const [sum, size] = [sums[last] ?? 0, sizes[last] ?? 1];
      const [sumAbove, sizeAbove] = [sums[last - 1] ?? 0, sizes[last - 1] ?? 1];
      if (sumAbove / sizeAbove <= sum / size) break;
      sums.pop();
      sizes.pop();
      sums[last - 1] = sumAbove + sum;
      sizes[last - 1] = sizeAbove + size;
    }
  });
  let at = 0;
  let bottom = -Infinity;
  sums.forEach((sum, block) => {
    const top = sum / (sizes[block] ?? 1);
    for (let each = 0; each < (sizes[block] ?? 1); each += 1, at += 1) {
      const node = layer[at] ?? 0;
      // No overlap, whatever is lost in the sums.
      tops[node] = Math.max(bottom, top + (offsets[at] ?? 0));
      bottom = (tops[node] ?? 0) + (heights[node] ?? 1);
    }
  });
}

function wanted(
  node: number,
  heights: Float64Array,
  tops: Float64Array,
  side: Neighbours | undefined,
): number {
  const now = tops[node] ?? 0;
  if (side === undefined) return 0;
  const [start, stop] = [side.starts[node] ?? 0, side.starts[node + 1] ?? 0];
  if (start === stop) return now;
  let sum = 0;
  for (let at = start; at < stop; at += 1) {
    const other = side.ends[at] ?? 0;
    sum += (tops[other] ?? 0) + Math.min(1, heights[other] ?? 1) / 2;
  }
  return sum / (stop - start) - Math.min(1, heights[node] ?? 1) / 2;
}
