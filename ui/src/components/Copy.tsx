import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);

  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch {
      toast.error("The browser does not let this page copy. Mark the text and copy it by hand.");
    }
  };
  return (
    <Button look="ghost" size="icon" className="size-6" aria-label={label} onClick={() => void copy()}>
      {done ? <Check size={14} /> : <CopyIcon size={14} />}
    </Button>
  );
}

/** A command to be typed, with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <div className="flex items-start gap-2 rounded-md border border-line bg-sunken px-3 py-2 text-left font-mono text-xs">
      {/* A box that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="min-w-0 flex-1 overflow-x-auto whitespace-pre" tabIndex={0}>
        {text}
      </pre>
      <CopyButton text={text} label="Copy the command" />
    </div>
  );
}
