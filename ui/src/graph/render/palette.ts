/** The page's colours as a canvas needs them: read from the style sheet, so that themes and palettes hold here too. */

import { lookOf } from "@/lib/states";

import { STATES, type StateCode } from "../types";

export type Rgb = readonly [red: number, green: number, blue: number];

/** What a state is painted with. */
export interface StatePaint {
  readonly solid: string;
  /** Over the surface, under text. */
  readonly tint: string;
  /** Of a bar over time. */
  readonly bar: string;
  readonly border: string;
  readonly rgb: Rgb;
  /** Said beside the colour, for whom colours do not tell apart. */
  readonly mark: string;
}

export interface Palette {
  readonly canvas: string;
  readonly surface: string;
  readonly sunken: string;
  readonly line: string;
  readonly ink: string;
  readonly ink2: string;
  readonly ink3: string;
  readonly accent: string;
  readonly accentInk: string;
  readonly font: string;
  readonly states: readonly StatePaint[];
  readonly unknown: StatePaint;
}

/** Share of a state's colour in what is drawn under text. */
const TINT = 0.08;
const BAR = 0.3;
const BORDER = 0.5;

export function readPalette(root: Element = document.documentElement): Palette {
  const style = getComputedStyle(root);
  const value = (name: string): string => hex(style.getPropertyValue(name));
  const surface = value("--surface");
  const paint = (type: string): StatePaint => {
    const look = lookOf(type);
    const solid = value(look.colour.replace(/^var\((.*)\)$/, "$1"));
    return {
      solid,
      tint: mixed(surface, solid, TINT),
      bar: mixed(surface, solid, BAR),
      border: mixed(surface, solid, BORDER),
      rgb: rgbOf(solid),
      mark: look.mark,
    };
  };
  return {
    canvas: value("--canvas"),
    surface,
    sunken: value("--sunken"),
    line: value("--line"),
    ink: value("--ink"),
    ink2: value("--ink-2"),
    ink3: value("--ink-3"),
    accent: value("--accent"),
    accentInk: value("--accent-ink"),
    font: getComputedStyle(document.body).fontFamily || "sans-serif",
    states: STATES.map(paint),
    unknown: paint(""),
  };
}

export function paintOf(palette: Palette, state: StateCode): StatePaint {
  return palette.states[state] ?? palette.unknown;
}

/** `from` with a share of `to` in it. */
export function mixed(from: string, to: string, share: number): string {
  const one = rgbOf(from);
  const other = rgbOf(to);
  const part = (index: 0 | 1 | 2): string =>
    Math.round(one[index] + (other[index] - one[index]) * share)
      .toString(16)
      .padStart(2, "0");
  return `#${part(0)}${part(1)}${part(2)}`;
}

export function rgbOf(colour: string): Rgb {
  const digits = colour.slice(1);
  const part = (index: number): number => Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16) || 0;
  return [part(0), part(1), part(2)];
}

/** `#rrggbb`, however the style sheet was made small. */
function hex(written: string): string {
  const text = written.trim();
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  if (short !== null)
    return `#${short
      .slice(1)
      .map((digit) => digit + digit)
      .join("")}`;
  if (/^#[0-9a-f]{6}$/i.test(text)) return text;
  const pen = document.createElement("canvas").getContext("2d");
  if (pen === null || text === "") return "#808080";
  pen.fillStyle = text;
  return /^#[0-9a-f]{6}$/i.test(pen.fillStyle) ? pen.fillStyle : "#808080";
}
