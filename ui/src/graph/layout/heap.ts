/** A heap of numbered things, the one of the least key first. */
export class Heap {
  private keys: number[] = [];
  private values: number[] = [];

  get size(): number {
    return this.values.length;
  }

  /** The least key; Infinity when there is nothing. */
  get least(): number {
    return this.keys[0] ?? Infinity;
  }

  push(key: number, value: number): void {
    const { keys, values } = this;
    let place = values.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const aboveKey = keys[above] ?? key;
      if (aboveKey <= key) break;
      keys[place] = aboveKey;
      values[place] = values[above] ?? value;
      place = above;
    }
    keys[place] = key;
    values[place] = value;
  }

  /** Take the value of the least key; -1 when there is nothing. */
  pop(): number {
    const { keys, values } = this;
    const taken = values[0] ?? -1;
    const key = keys.pop();
    const value = values.pop();
    if (key === undefined || value === undefined || values.length === 0) return taken;
    let place = 0;
    for (let below = 1; below < values.length; below = 2 * place + 1) {
      if ((keys[below + 1] ?? Infinity) < (keys[below] ?? Infinity)) below += 1;
      const belowKey = keys[below] ?? Infinity;
      if (belowKey >= key) break;
      keys[place] = belowKey;
      values[place] = values[below] ?? value;
      place = below;
    }
    keys[place] = key;
    values[place] = value;
    return taken;
  }
}
