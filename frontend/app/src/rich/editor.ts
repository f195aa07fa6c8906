import { Editor, Extension } from "@tiptap/core";
import { Code } from "@tiptap/extension-code";
import { Placeholder } from "@tiptap/extensions";
import { Fragment, Slice } from "@tiptap/pm/model";
import { StarterKit } from "@tiptap/starter-kit";
import type { Field, Format } from "./field";
import { toDoc, toMarkdown } from "./markdown";

const NAMES: Readonly<Record<Format, string>> = {
  bold: "bold",
  italic: "italic",
  strike: "strike",
  link: "link",
  list: "bulletList",
  ordered: "orderedList",
  quote: "blockquote",
  code: "code",
  codeBlock: "codeBlock",
};

/** Enter sends, so Shift-Enter makes what Enter makes in a document. */
const Lines = Extension.create({
  name: "lines",
  priority: 1000,
  addKeyboardShortcuts() {
    return {
      "Shift-Enter": ({ editor }) => {
        if (editor.isActive("codeBlock")) return editor.commands.insertContent("\n");
        if (editor.isActive("listItem")) {
          return editor.commands.splitListItem("listItem") || editor.commands.liftListItem("listItem");
        }
        if (editor.isActive("heading")) return editor.commands.splitBlock();
        const { $from, empty } = editor.state.selection;
        if (empty && editor.isActive("blockquote") && $from.parent.content.size === 0)
          return editor.commands.lift("blockquote");
        const last = $from.nodeBefore?.type.name === "hardBreak" && $from.parentOffset > 1;
        if (last && editor.isActive("blockquote")) {
          // A second empty line leaves the quote.
          return editor
            .chain()
            .deleteRange({ from: $from.pos - 1, to: $from.pos })
            .splitBlock()
            .lift("blockquote")
            .run();
        }
        return editor.commands.setHardBreak();
      },
    };
  },
});

export interface RichOptions {
  element: HTMLElement;
  label: string;
  placeholder: () => string;
  testId: string;
  markdown: string;
  changed: () => void;
  moved: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
  onFiles: (event: Event, data: DataTransfer | null) => void;
  onFocus: () => void;
  onBlur: () => void;
}

export function richField(options: RichOptions): Field & { destroy(): void } {
  const editor: Editor = new Editor({
    element: options.element,
    injectCSS: false,
    content: toDoc(options.markdown),
    extensions: [
      StarterKit.configure({
        code: false,
        underline: false,
        // The plain composer makes no links of bare words either.
        link: { autolink: false, linkOnPaste: true, openOnClick: false },
        trailingNode: false,
      }),
      Code.extend({ excludes: "" }),
      Placeholder.configure({ placeholder: options.placeholder }),
      Lines,
    ],
    editorProps: {
      attributes: {
        class: "composer-text composer-rich",
        role: "textbox",
        dir: "auto",
        "aria-multiline": "true",
        "aria-label": options.label,
        "aria-autocomplete": "list",
        "aria-haspopup": "listbox",
        "data-testid": options.testId,
        enterkeyhint: "send",
        spellcheck: "true",
      },
      handleKeyDown: (view, event) => {
        // An input method's Enter is its own.
        if (!view.composing && !event.isComposing && event.keyCode !== 229) options.onKeyDown(event);
        return event.defaultPrevented;
      },
      handlePaste: (_, event) => {
        options.onFiles(event, event.clipboardData);
        return event.defaultPrevented;
      },
      handleDrop: (_, event) => (event.dataTransfer?.files.length ?? 0) > 0,
      clipboardTextParser: (text, context) => {
        const { schema } = editor;
        if (context.parent.type.spec.code) return Slice.maxOpen(Fragment.from(schema.text(text)));
        return Slice.maxOpen(Fragment.fromJSON(schema, toDoc(text).content ?? []));
      },
      clipboardTextSerializer: (slice) => toMarkdown({ type: "doc", content: slice.content.toJSON() ?? [] }),
    },
    onUpdate: options.changed,
    onSelectionUpdate: options.moved,
    onFocus: options.onFocus,
    onBlur: options.onBlur,
  });
  const chain = () => editor.chain().focus();
  const caret = () => editor.state.selection.from;
  return {
    element: editor.view.dom,
    value: () => toMarkdown(editor.getJSON()),
    put(markdown) {
      editor.commands.setContent(toDoc(markdown), { emitUpdate: false });
      editor.commands.setTextSelection(editor.state.doc.content.size);
    },
    focus: () => editor.view.focus(),
    insert: (text) => void chain().insertContent({ type: "text", text }).run(),
    before() {
      const { empty, from } = editor.state.selection;
      if (!empty || editor.isActive("code") || editor.isActive("codeBlock")) return null;
      return editor.state.doc.textBetween(0, from, "\n", "\n");
    },
    complete: (length, text) =>
      void chain()
        .deleteRange({ from: caret() - length, to: caret() })
        .insertContent({ type: "text", text })
        .run(),
    format(what) {
      switch (what) {
        case "list":
          chain().toggleBulletList().run();
          return;
        case "ordered":
          chain().toggleOrderedList().run();
          return;
        case "quote":
          chain().toggleBlockquote().run();
          return;
        case "codeBlock":
          chain().toggleCodeBlock().run();
          return;
        case "link":
          return;
        default:
          chain().toggleMark(NAMES[what]).run();
      }
    },
    active: (what) => editor.isActive(NAMES[what]),
    inCode: () => editor.isActive("codeBlock"),
    link: () => String(editor.getAttributes("link").href ?? ""),
    setLink(href) {
      const address = href.trim();
      if (!address) chain().extendMarkRange("link").unsetLink().run();
      else {
        const whole = /^[a-z][\w+.-]*:/i.test(address) ? address : `https://${address}`;
        const { empty } = editor.state.selection;
        if (empty && !editor.isActive("link")) {
          chain()
            .insertContent({ type: "text", text: whole, marks: [{ type: "link", attrs: { href: whole } }] })
            .run();
        } else chain().extendMarkRange("link").setLink({ href: whole }).run();
      }
    },
    destroy: () => editor.destroy(),
  };
}
