import { Tooltip as Radix } from "radix-ui";
import type { ReactNode } from "react";

/** More about something, on hover and on focus. Never the only place where it is said. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          sideOffset={4}
          className="z-50 max-w-80 rounded-md bg-ink px-2 py-1 text-xs break-words text-canvas shadow-lg"
        >
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
