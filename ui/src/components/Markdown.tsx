import { lazy, Suspense } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import gfm from "remark-gfm";

/** Diagrams are 500 kB of code: it comes when there is one. */
const Mermaid = lazy(() => import("@/components/Mermaid").then(({ Mermaid }) => ({ default: Mermaid })));

const PARTS: Components = {
  a: ({ node: _, children, ...rest }) => (
    <a {...rest} target="_blank" rel="noreferrer">
      {children}
    </a>
  ),
  img: ({ node: _, alt, ...rest }) => <img {...rest} alt={alt ?? ""} referrerPolicy="no-referrer" />,
  pre: ({ node, children }) => {
    const diagram = diagramOf(node?.children[0]);
    return diagram === null ? (
      <pre tabIndex={0} role="region" aria-label="Code">
        {children}
      </pre>
    ) : (
      <Suspense fallback={<p className="text-ink-3">Drawing …</p>}>
        <Mermaid text={diagram} />
      </Suspense>
    );
  },
};

type Piece = NonNullable<
  Parameters<NonNullable<Extract<Components["pre"], (...given: never[]) => unknown>>>[0]["node"]
>;

/** The text of a block of code that is a diagram; null of any other. */
function diagramOf(code: Piece["children"][number] | undefined): string | null {
  if (code?.type !== "element" || code.tagName !== "code") return null;
  const named = code.properties["className"];
  if (!Array.isArray(named) || !named.includes("language-mermaid")) return null;
  return code.children.map((piece) => (piece.type === "text" ? piece.value : "")).join("");
}

/** Markdown as a page. HTML in it is left out, so that nothing that a run writes can run here. */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="max-w-none space-y-3 text-sm [&_a]:text-accent [&_a]:underline [&_code]:rounded [&_code]:bg-sunken [&_code]:px-1 [&_code]:font-mono [&_code]:text-xs [&_h1]:text-lg [&_h1]:font-semibold [&_h2]:text-base [&_h2]:font-semibold [&_h3]:font-semibold [&_ol]:list-decimal [&_ol]:pl-5 [&_pre]:overflow-x-auto [&_pre]:rounded-md [&_pre]:bg-sunken [&_pre]:p-3 [&_table]:w-auto [&_td]:border [&_td]:border-line [&_td]:px-2 [&_td]:py-1 [&_th]:border [&_th]:border-line [&_th]:px-2 [&_th]:py-1 [&_ul]:list-disc [&_ul]:pl-5">
      <ReactMarkdown remarkPlugins={[gfm]} components={PARTS} skipHtml>
        {text}
      </ReactMarkdown>
    </div>
  );
}
