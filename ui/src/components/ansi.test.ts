import { expect, it } from "vitest";

import { pieces } from "@/components/ansi";

const ESC = "\u001b";

it("leaves plain lines as they are", () => {
  expect(pieces("plain")).toEqual([{ text: "plain" }]);
  expect(pieces("")).toEqual([]);
});

it("keeps colour and weight until they are taken back", () => {
  expect(pieces(`a${ESC}[1;31mb${ESC}[22mc${ESC}[0md`)).toEqual([
    { text: "a" },
    { text: "b", bold: true, colour: "var(--state-failed)" },
    { text: "c", colour: "var(--state-failed)" },
    { text: "d" },
  ]);
});

it("leaves other commands of terminals out", () => {
  expect(pieces(`one${ESC}[2K${ESC}[1Gtwo`).map((piece) => piece.text)).toEqual(["one", "two"]);
});
