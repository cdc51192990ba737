/** What each node waited for, linked as it comes: a parent may come after its children. */

const NOTHING: readonly string[] = [];
const NO_ROWS: readonly number[] = [];

export interface LinkColumns {
  parents: Int32Array<ArrayBuffer>;
  parentStarts: Int32Array<ArrayBuffer>;
}

export class Links {
  private readonly named: (readonly string[])[] = [];
  private readonly resolved: (readonly number[])[] = [];
  private readonly waiting = new Map<string, number[]>();
  private made: LinkColumns | undefined;

  constructor(private readonly rows: ReadonlyMap<string, number>) {}

  /** Say what a node waited for. Returns whether that is something else than before. */
  put(row: number, parents: readonly string[]): boolean {
    const before = this.named[row] ?? NOTHING;
    if (before.length === parents.length && before.every((id, place) => id === parents[place])) return false;
    this.named[row] = parents.length === 0 ? NOTHING : parents;
    for (const id of parents) {
      if (this.rows.has(id)) continue;
      const waiting = this.waiting.get(id);
      if (waiting === undefined) this.waiting.set(id, [row]);
      else waiting.push(row);
    }
    this.resolve(row);
    return true;
  }

  /** A node is there. Returns the rows that waited for it, and point to it from now on. */
  came(id: string): readonly number[] {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return NO_ROWS;
    this.waiting.delete(id);
    for (const row of waiting) this.resolve(row);
    return waiting;
  }

  columns(count: number): LinkColumns {
    if (this.made !== undefined && this.made.parentStarts.length === count + 1) return this.made;
    const parentStarts = new Int32Array(count + 1);
    for (let row = 0; row < count; row += 1)
      parentStarts[row + 1] = (parentStarts[row] ?? 0) + (this.resolved[row] ?? NO_ROWS).length;
    const parents = new Int32Array(parentStarts[count] ?? 0);
    let end = 0;
    for (let row = 0; row < count; row += 1)
      for (const parent of this.resolved[row] ?? NO_ROWS) parents[end++] = parent;
    this.made = { parents, parentStarts };
    return this.made;
  }

  private resolve(row: number): void {
    const found: number[] = [];
    for (const id of this.named[row] ?? NOTHING) {
      const parent = this.rows.get(id);
      if (parent !== undefined && parent !== row) found.push(parent);
    }
    this.resolved[row] = found.length === 0 ? NO_ROWS : found;
    this.made = undefined;
  }
}
