import { describe, expect, it } from "vitest";

import { matches, readTags, readValue } from "@/features/variables/form";

describe("readValue", () => {
  it("reads any JSON", () => {
    expect(readValue(' {"a": [1, null]} ')).toEqual({ ok: true, value: { a: [1, null] } });
    expect(readValue("null")).toEqual({ ok: true, value: null });
  });
  it("says how to write text", () => {
    const read = readValue("eu-west-1");
    expect(read.ok).toBe(false);
    expect(!read.ok && read.problem).toContain('"eu-west-1"');
  });
  it("wants something", () => {
    expect(readValue(" ").ok).toBe(false);
  });
});

it("reads tags once each", () => {
  expect(readTags("a, b,,a ")).toEqual(["a", "b"]);
});

it("finds all words in name, value and tags", () => {
  const one = { name: "region", value: { zone: "eu-west" }, tags: ["prod"] };
  expect(matches(one, "REG west prod")).toBe(true);
  expect(matches(one, "region staging")).toBe(false);
  expect(matches(one, "")).toBe(true);
});
