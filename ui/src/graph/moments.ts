/**
 * Moments as the server writes them (`2026-11-23T07:56:25.123456Z`), as milliseconds with their fraction: tasks take
 * less than one, and `Date.parse` would cut it off. Of many moments of one minute only the seconds are read.
 */

const MINUTE_LENGTH = "2026-11-23T07:56".length;
const SECOND_END = "2026-11-23T07:56:25".length;
const ZERO = 48;
const DOT = 46;

let minute = "";
let minuteMs = NaN;

/** Milliseconds since 1970; NaN for what is missing or cannot be read. */
export function momentOf(text: string | null | undefined): number {
  if (text === null || text === undefined) return NaN;
  if (!text.endsWith("Z") || text.length <= SECOND_END) return Date.parse(text);
  if (!text.startsWith(minute) || minute === "") {
    minute = text.slice(0, MINUTE_LENGTH);
    minuteMs = Date.parse(`${minute}:00Z`);
  }
  const seconds = digit(text, MINUTE_LENGTH + 1) * 10 + digit(text, MINUTE_LENGTH + 2);
  return minuteMs + seconds * 1000 + fraction(text);
}

function fraction(text: string): number {
  if (text.charCodeAt(SECOND_END) !== DOT) return 0;
  let value = 0;
  let size = 1;
  for (let place = SECOND_END + 1; place < text.length - 1; place += 1) {
    value = value * 10 + digit(text, place);
    size *= 10;
  }
  return (value * 1000) / size;
}

function digit(text: string, place: number): number {
  return text.charCodeAt(place) - ZERO;
}
