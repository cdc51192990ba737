import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes, TextareaHTMLAttributes } from "react";
import { useId } from "react";

import { classes } from "@/lib/classes";

const LOOK =
  "rounded-md border border-line bg-surface px-2.5 text-sm placeholder:text-ink-3 focus-visible:outline-2 focus-visible:-outline-offset-1 disabled:opacity-50 aria-invalid:border-danger";

export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement>) {
  return <input className={classes(LOOK, "h-8 w-full", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea className={classes(LOOK, "w-full py-1.5 font-mono text-xs", className)} {...rest} />;
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select className={classes(LOOK, "h-8", className)} {...rest} />;
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  problem?: string | undefined;
  children: (ids: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
}

/** A labelled field of a form, with what is wrong with it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="block text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": `${id}-hint`, "aria-invalid": problem !== undefined })}
      <p
        id={`${id}-hint`}
        className={classes("text-xs", problem === undefined ? "text-ink-3" : "text-danger")}
      >
        {problem ?? hint}
      </p>
    </div>
  );
}
