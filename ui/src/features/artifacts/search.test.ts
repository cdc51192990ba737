import { expect, it } from "vitest";

import { glimpse, readArtifactSearch } from "@/features/artifacts/search";

it("reads an address, and leaves out what cannot be used", () => {
  expect(readArtifactSearch({ type: "table", key: 12, other: "x", beside: "" })).toEqual({
    type: "table",
    key: "12",
  });
});

it("gives a glimpse of what an artifact says", () => {
  expect(glimpse("markdown", "# Report\n\n**42** rows")).toBe("Report 42 rows");
  expect(glimpse("progress", 41.6)).toBe("42 %");
  expect(glimpse("table", [{}, {}])).toBe("2 rows");
  expect(glimpse("other", { a: 1 })).toBe('{"a":1}');
});
