import { useEffect, useId, useState } from "react";

import { Json } from "@/components/Json";
import { useTheme } from "@/lib/theme";

/** A diagram of Mermaid's language, drawn; where it cannot be understood its text, and why. */
export function Mermaid({ text }: { text: string }) {
  const id = useId().replace(/\W/g, "");
  const { dark } = useTheme();
  const [drawn, setDrawn] = useState<{ svg: string } | { problem: string } | null>(null);
  useEffect(() => {
    let gone = false;
    const draw = async (): Promise<void> => {
      const { default: mermaid } = await import("mermaid");
      mermaid.initialize({
        startOnLoad: false,
        // Nothing in it can run, and its labels are text.
        securityLevel: "strict",
        theme: dark ? "dark" : "neutral",
        fontFamily: "inherit",
      });
      return mermaid.render(`mermaid-${id}`, text).then(
        ({ svg }) => {
          if (!gone) setDrawn({ svg });
        },
        (error: unknown) => {
          if (!gone) setDrawn({ problem: error instanceof Error ? error.message : String(error) });
        },
      );
    };
    void draw();
    return () => {
      gone = true;
    };
  }, [id, text, dark]);
  if (drawn === null) return <p className="text-ink-3">Drawing …</p>;
  if ("problem" in drawn)
    return (
      <>
        <p className="text-danger">This diagram cannot be drawn: {drawn.problem}</p>
        <Json value={text} />
      </>
    );
  return (
    <div
      role="img"
      aria-label="Diagram"
      className="overflow-x-auto rounded-md border border-line bg-surface p-3 [&_svg]:mx-auto [&_svg]:h-auto"
      // Mermaid has cleaned it (DOMPurify, securityLevel strict), and the page's policy lets no script in it run.
      dangerouslySetInnerHTML={{ __html: drawn.svg }}
    />
  );
}
