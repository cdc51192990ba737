import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { oneAtATime } from "@/lib/oneAtATime";

describe("one at a time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("finishes what takes long, and then does what was asked for meanwhile", async () => {
    let begun = 0;
    let finish = (): void => undefined;
    const ask = oneAtATime(() => {
      begun += 1;
      return new Promise<void>((done) => (finish = done));
    }, 900);
    ask();
    ask();
    await vi.advanceTimersByTimeAsync(900);
    expect(begun).toBe(1);
    for (let each = 0; each < 10; each += 1) {
      ask();
      await vi.advanceTimersByTimeAsync(900);
    }
    expect(begun).toBe(1);
    finish();
    await vi.advanceTimersByTimeAsync(900);
    expect(begun).toBe(2);
    finish();
    await vi.advanceTimersByTimeAsync(9000);
    expect(begun).toBe(2);
  });

  it("does nothing after it was taken back", async () => {
    const act = vi.fn(() => Promise.resolve());
    const ask = oneAtATime(act, 10);
    ask();
    ask.cancel();
    await vi.advanceTimersByTimeAsync(100);
    expect(act).not.toHaveBeenCalled();
  });
});
