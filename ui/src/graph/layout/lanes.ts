import { Heap } from "./heap";

/**
 * Lanes one below the other, each taken until some moment. What comes is asked for in the order of its start, so the
 * uppermost free lane is found without looking at those that are taken.
 */
export class Lanes {
  private readonly ends: number[] = [];
  private readonly busy = new Heap();
  private readonly free = new Heap();

  get count(): number {
    return this.ends.length;
  }

  /** The uppermost lane that is free from `start` on; it is taken until `end`. */
  take(start: number, end: number): number {
    while (this.busy.least <= start) {
      const lane = this.busy.pop();
      this.free.push(lane, lane);
    }
    let lane = this.free.pop();
    // Lanes that were taken together with their neighbours may still be in the heap.
    while (lane !== -1 && (this.ends[lane] ?? 0) > start) lane = this.free.pop();
    if (lane === -1) lane = this.ends.length;
    this.put(lane, end);
    return lane;
  }

  /** The uppermost of `height` lanes below each other that are free from `start` on; all are taken until `end`. */
  takeBlock(height: number, start: number, end: number): number {
    let first = 0;
    for (let lane = 0; lane < this.ends.length && lane - first < height; lane += 1)
      if ((this.ends[lane] ?? 0) > start) first = lane + 1;
    for (let lane = first; lane < first + height; lane += 1) this.put(lane, end);
    return first;
  }

  /** There are so many lanes at least. */
  reach(count: number): void {
    while (this.ends.length < count) this.ends.push(0);
  }

  private put(lane: number, end: number): void {
    this.ends[lane] = end;
    this.busy.push(end, lane);
  }

  /** Until when each lane is taken. */
  get taken(): readonly number[] {
    return this.ends;
  }
}
