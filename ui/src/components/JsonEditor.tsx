import { lazy, Suspense } from "react";

import type { CodeBoxProps } from "@/components/CodeBox";
import { TextArea } from "@/components/ui/input";

/** The editor is 100 kB of code: it comes when somebody edits JSON. */
const CodeBox = lazy(() => import("@/components/CodeBox").then(({ CodeBox }) => ({ default: CodeBox })));

/** JSON to be edited; until the editor is there, and where it cannot be loaded in time, a plain field. */
export function JsonEditor(props: CodeBoxProps) {
  const { id, label, value, onChange, describedBy, readOnly } = props;
  return (
    <Suspense
      fallback={
        <TextArea
          id={id}
          aria-label={label}
          aria-describedby={describedBy}
          readOnly={readOnly}
          rows={8}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      }
    >
      <CodeBox {...props} />
    </Suspense>
  );
}
