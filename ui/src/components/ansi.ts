/** Text that programs coloured for a terminal, cut into pieces of one look each. */
export interface Piece {
  text: string;
  colour?: string;
  bold?: boolean;
}

const COLOURS = [
  "var(--ink)",
  "var(--state-failed)",
  "var(--state-completed)",
  "var(--state-scheduled)",
  "var(--state-running)",
  "var(--state-paused)",
  "var(--accent)",
  "var(--ink-2)",
];

const ESCAPE = /\u001b\[([0-9;]*)([A-Za-z])/g;

/** The pieces of a line. Colours of the basic sets and bold are kept, other commands of terminals are left out. */
export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let look: Omit<Piece, "text"> = {};
  let from = 0;
  const add = (to: number): void => {
    if (to > from) found.push({ text: line.slice(from, to), ...look });
  };
  for (const match of line.matchAll(ESCAPE)) {
    add(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") look = after(look, match[1] ?? "");
  }
  add(line.length);
  return found;
}

function after(look: Omit<Piece, "text">, codes: string): Omit<Piece, "text"> {
  let made = { ...look };
  for (const code of codes.split(";").map(Number)) {
    if (code === 0) made = {};
    else if (code === 1) made.bold = true;
    else if (code === 22) delete made.bold;
    else if (code === 39) delete made.colour;
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      made.colour = COLOURS[code % 10] ?? "inherit";
  }
  return made;
}
