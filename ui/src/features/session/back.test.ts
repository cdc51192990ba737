import { expect, it } from "vitest";

import { localAddress } from "@/features/session/back";

it("goes back to a page of this server only", () => {
  expect(localAddress("/runs?state=FAILED")).toBe("/runs?state=FAILED");
  expect(localAddress("https://example.org/")).toBe("/");
  expect(localAddress("//example.org/")).toBe("/");
  expect(localAddress("/\\example.org/")).toBe("/");
  expect(localAddress("/sign-in?back=%2F")).toBe("/");
});
