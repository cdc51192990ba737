/** Sizes of the layout by dependencies, in rows. */

export const NODE_WIDTH = 6;

/** Between what lies side by side. */
export const GAP = 2;

/** From so many items on, an opened map is a block of small cells without labels. */
export const SMALL_FROM = 65;

export const CELL = 0.5;
