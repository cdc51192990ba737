import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

/** Colours of the page's own, so that light, dark and the palettes need nothing here. */
const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--ink-2)", fontWeight: "600" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

const LOOK = EditorView.theme({
  "&": { fontSize: "12px", color: "var(--ink)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", maxHeight: "20rem", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", minHeight: "6rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": {
    backgroundColor: "var(--accent-soft)",
  },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-3)", border: "none" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)" },
});

export interface CodeBoxProps {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  describedBy?: string;
  readOnly?: boolean;
}

/** CodeMirror for JSON. Tab leaves it, as it leaves every other field. */
export function CodeBox({ id, label, value, onChange, describedBy, readOnly = false }: CodeBoxProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const changed = useRef(onChange);
  const begun = useRef(value);
  useEffect(() => {
    changed.current = onChange;
  });
  useEffect(() => {
    if (box.current === null) return;
    const made = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: begun.current,
        extensions: [
          lineNumbers(),
          history(),
          json(),
          // Nothing at all is no mistake: it means that there is none.
          linter((shown) => (shown.state.doc.toString().trim() === "" ? [] : jsonParseLinter()(shown))),
          bracketMatching(),
          indentOnInput(),
          syntaxHighlighting(COLOURS),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          LOOK,
          EditorView.lineWrapping,
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({
            id,
            "aria-label": label,
            ...(describedBy === undefined ? {} : { "aria-describedby": describedBy }),
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [id, label, describedBy, readOnly]);
  useEffect(() => {
    const shown = view.current;
    if (shown !== null && shown.state.doc.toString() !== value)
      shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: value } });
  }, [value]);
  return <div ref={box} className="overflow-hidden rounded-md border border-line" />;
}
