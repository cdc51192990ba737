import ReactMarkdown from "react-markdown";
import gfm from "remark-gfm";

/** Markdown as a page. HTML in it is left out, so that nothing that a run writes can run here. */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="max-w-none space-y-3 text-sm [&_a]:text-accent [&_a]:underline [&_code]:rounded [&_code]:bg-sunken [&_code]:px-1 [&_code]:font-mono [&_code]:text-xs [&_h1]:text-lg [&_h1]:font-semibold [&_h2]:text-base [&_h2]:font-semibold [&_h3]:font-semibold [&_ol]:list-decimal [&_ol]:pl-5 [&_pre]:overflow-x-auto [&_pre]:rounded-md [&_pre]:bg-sunken [&_pre]:p-3 [&_table]:w-auto [&_td]:border [&_td]:border-line [&_td]:px-2 [&_td]:py-1 [&_th]:border [&_th]:border-line [&_th]:px-2 [&_th]:py-1 [&_ul]:list-disc [&_ul]:pl-5">
      <ReactMarkdown remarkPlugins={[gfm]} skipHtml>
        {text}
      </ReactMarkdown>
    </div>
  );
}
