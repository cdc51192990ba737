import { cva, type VariantProps } from "class-variance-authority";
import type { ButtonHTMLAttributes } from "react";

import { classes } from "@/lib/classes";

const looks = cva(
  "inline-flex items-center justify-center gap-1.5 rounded-md text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-50 disabled:pointer-events-none",
  {
    variants: {
      look: {
        primary: "bg-accent text-accent-ink hover:brightness-110",
        secondary: "border border-line bg-surface hover:bg-sunken",
        ghost: "text-ink-2 hover:bg-sunken hover:text-ink",
        danger: "bg-danger text-white dark:text-black hover:brightness-110",
      },
      size: { small: "h-7 px-2 text-xs", medium: "h-8 px-3", icon: "size-8" },
    },
    defaultVariants: { look: "secondary", size: "medium" },
  },
);

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & VariantProps<typeof looks>;

export function Button({ className, look, size, type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={classes(looks({ look, size }), className)} {...rest} />;
}
