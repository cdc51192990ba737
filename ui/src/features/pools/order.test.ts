import { expect, test } from "vitest";

import { dropped, type Waiting } from "@/features/pools/order";

const line: Waiting[] = [
  { id: "a", priority: 5, work_queue_name: "urgent" },
  { id: "b", priority: 2, work_queue_name: "default" },
  { id: "c", priority: 2, work_queue_name: "default" },
  { id: "d", work_queue_name: "default" },
];

test("a run that is let go further up comes before the one it was let go on", () => {
  expect(dropped(line, "d", "b")).toEqual({ priority: 3, queue: "default" });
});

test("a run that is let go further down comes behind it", () => {
  expect(dropped(line, "b", "d")).toEqual({ priority: -1, queue: "default" });
});

test("a run that is let go on one of another queue goes into that queue", () => {
  expect(dropped(line, "c", "a")).toEqual({ priority: 6, queue: "urgent" });
});

test("a run that is let go where it was, or on nothing, stays", () => {
  expect(dropped(line, "b", "b")).toBeNull();
  expect(dropped(line, "b", "gone")).toBeNull();
});
