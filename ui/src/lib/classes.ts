import { clsx, type ClassValue } from "clsx";
import { twMerge } from "tailwind-merge";

/** Class names joined; of those that contradict each other the last one holds. */
export function classes(...given: ClassValue[]): string {
  return twMerge(clsx(given));
}
