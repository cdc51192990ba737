/** Keys of the graph, while it has the focus. */

import type { Direction } from "./walk";

/** What a key asks for. */
export interface Keys {
  walk: (direction: Direction) => void;
  zoom: (nearer: boolean) => void;
  fit: () => void;
  enter: () => void;
  leave: () => void;
}

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export const HELP =
  "Arrow keys go along edges and to neighbours, Enter opens, plus and minus zoom, 0 shows all, / searches, Escape leaves.";

/** Returns what ends listening. */
export function listenToKeys(box: HTMLElement, keys: Keys): () => void {
  const press = (event: KeyboardEvent): void => {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) keys.walk(arrow);
    else if (event.key === "+" || event.key === "=") keys.zoom(true);
    else if (event.key === "-") keys.zoom(false);
    else if (event.key === "0") keys.fit();
    else if (event.key === "Enter" || event.key === " ") keys.enter();
    else if (event.key === "Escape") keys.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  box.addEventListener("keydown", press);
  return () => box.removeEventListener("keydown", press);
}
