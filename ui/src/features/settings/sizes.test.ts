import { expect, it } from "vitest";

import { kept, removed, shown, size } from "@/features/settings/sizes";

it("shows sizes", () => {
  expect(size(0)).toBe("0 B");
  expect(size(999)).toBe("999 B");
  expect(size(1_440_000)).toBe("1.4 MB");
  expect(size(123_456_789)).toBe("123 MB");
});

it("shows how long things are kept", () => {
  expect(kept(0)).toBe("for ever");
  expect(kept(0.5)).toBe("12 h");
  expect(kept(1)).toBe("1 day");
  expect(kept(30)).toBe("30 days");
});

it("shows values", () => {
  expect(shown(null)).toBe("–");
  expect(shown("")).toBe("empty");
  expect(shown("x")).toBe("x");
  expect(shown([1])).toBe("[1]");
});

it("says what was removed", () => {
  expect(removed({ flow_runs: 0, removed_at: "x" })).toBe("nothing");
  expect(removed({ flow_runs: 2, logs: 12 })).toBe("2 flow runs, 12 logs");
});
