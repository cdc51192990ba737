import { CopyButton } from "@/components/Copy";

/** A value as JSON, to read and to copy. */
export function Json({ value }: { value: unknown }) {
  const text = JSON.stringify(value, null, 2);
  return (
    <div className="relative">
      <div className="absolute top-1 right-1">
        <CopyButton text={text} />
      </div>
      <pre
        tabIndex={0}
        role="region"
        aria-label="The value as JSON"
        className="max-h-[60vh] overflow-auto p-4 pr-10 font-mono text-xs break-words whitespace-pre-wrap"
      >
        {text}
      </pre>
    </div>
  );
}
