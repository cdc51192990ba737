/** Where each place lies; a block is put together at zero and moved, with all that is in it, to where there is room. */
export class Boxes {
  readonly x: Float64Array<ArrayBuffer>;
  readonly y: Float64Array<ArrayBuffer>;
  readonly width: Float64Array<ArrayBuffer>;
  readonly height: Float64Array<ArrayBuffer>;

  constructor(
    count: number,
    private readonly held: ReadonlyMap<number, readonly number[]>,
  ) {
    this.x = new Float64Array(count);
    this.y = new Float64Array(count);
    this.width = new Float64Array(count);
    this.height = new Float64Array(count).fill(1);
  }

  put(place: number, x: number, y: number, width: number, height: number): void {
    this.x[place] = x;
    this.y[place] = y;
    this.width[place] = width;
    this.height[place] = height;
  }

  /** Move a place and all that it holds. */
  move(place: number, x: number, y: number): void {
    if (x === 0 && y === 0) return;
    this.x[place] = (this.x[place] ?? 0) + x;
    this.y[place] = (this.y[place] ?? 0) + y;
    for (const inner of this.held.get(place) ?? []) this.move(inner, x, y);
  }

  extent(): { x: number; y: number; width: number; height: number } {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let place = 0; place < this.x.length; place += 1) {
      const [x, y] = [this.x[place] ?? 0, this.y[place] ?? 0];
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x + (this.width[place] ?? 0));
      bottom = Math.max(bottom, y + (this.height[place] ?? 0));
    }
    return left === Infinity
      ? { x: 0, y: 0, width: 0, height: 0 }
      : { x: left, y: top, width: right - left, height: bottom - top };
  }
}
