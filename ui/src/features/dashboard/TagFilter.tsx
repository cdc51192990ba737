import { X } from "lucide-react";
import { type SubmitEvent, useState } from "react";

import { Input } from "@/components/ui/input";

interface TagFilterProps {
  tags: string[];
  onChange: (tags: string[]) => void;
}

/** Tags that runs must have, all of them. */
export function TagFilter({ tags, onChange }: TagFilterProps) {
  const [text, setText] = useState("");
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const tag = text.trim();
    if (tag !== "" && !tags.includes(tag)) onChange([...tags, tag]);
    setText("");
  };
  return (
    <form onSubmit={add} className="flex flex-wrap items-center gap-1.5">
      {tags.map((tag) => (
        <button
          key={tag}
          type="button"
          aria-label={`Without the tag ${tag}`}
          onClick={() => onChange(tags.filter((one) => one !== tag))}
          className="flex h-8 items-center gap-1 rounded-md border border-line bg-accent-soft px-2 text-xs hover:bg-sunken"
        >
          {tag}
          <X size={12} aria-hidden />
        </button>
      ))}
      <Input
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder="Tag …"
        aria-label="Only runs with this tag"
        className="w-28"
      />
    </form>
  );
}
