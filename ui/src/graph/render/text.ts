/** Text that fits: widths are summed from those of letters, for asking the canvas each time would cost more than drawing. */

const widths = new Map<string, Map<string, number>>();

/** Pixels that a text takes in the font that the pen has. */
export function widthOf(pen: CanvasRenderingContext2D, text: string): number {
  const known = widths.get(pen.font) ?? new Map<string, number>();
  widths.set(pen.font, known);
  let sum = 0;
  for (const letter of text) {
    let width = known.get(letter);
    if (width === undefined) known.set(letter, (width = pen.measureText(letter).width));
    sum += width;
  }
  return sum;
}

/** As much of a text as there is room for, with an ellipsis in its middle: names differ at their ends. */
export function fitted(pen: CanvasRenderingContext2D, text: string, room: number): string {
  if (widthOf(pen, text) <= room) return text;
  let size = Math.floor((text.length * room) / widthOf(pen, text));
  for (; size > 2; size -= 1) {
    const head = Math.ceil((size - 1) * 0.6);
    const made = `${text.slice(0, head)}…${text.slice(text.length - (size - 1 - head))}`;
    if (widthOf(pen, made) <= room) return made;
  }
  return "";
}
