/** Columns that grow. What was handed out is a copy: who has it may keep it, or give it to a worker. */

const FIRST_ROOM = 256;

interface Numbers {
  readonly length: number;
  [row: number]: number;
  set(other: ArrayLike<number>): void;
}

class Column<Values extends Numbers> {
  protected values: Values;

  constructor(
    private readonly make: (length: number) => Values,
    private readonly empty: number,
  ) {
    this.values = this.made(FIRST_ROOM);
  }

  at(row: number): number {
    return this.values[row] ?? this.empty;
  }

  put(row: number, value: number): void {
    if (row >= this.values.length) {
      const wider = this.made(Math.max(row + 1, this.values.length * 2));
      wider.set(this.values);
      this.values = wider;
    }
    this.values[row] = value;
  }

  private made(length: number): Values {
    const values = this.make(length);
    if (this.empty !== 0) (values as unknown as { fill(value: number): void }).fill(this.empty);
    return values;
  }
}

export class Bytes extends Column<Uint8Array<ArrayBuffer>> {
  constructor(empty: number) {
    super((length) => new Uint8Array(length), empty);
  }
  copied(count: number): Uint8Array<ArrayBuffer> {
    return this.values.slice(0, count);
  }
}

export class Rows extends Column<Int32Array<ArrayBuffer>> {
  constructor(empty: number) {
    super((length) => new Int32Array(length), empty);
  }
  copied(count: number): Int32Array<ArrayBuffer> {
    return this.values.slice(0, count);
  }
}

export class Moments extends Column<Float64Array<ArrayBuffer>> {
  constructor() {
    super((length) => new Float64Array(length), NaN);
  }
  copied(count: number): Float64Array<ArrayBuffer> {
    return this.values.slice(0, count);
  }
}
