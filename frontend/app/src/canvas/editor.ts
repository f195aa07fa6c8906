import { Editor, Extension } from "@tiptap/core";
import { Collaboration } from "@tiptap/extension-collaboration";
import { TaskItem, TaskList } from "@tiptap/extension-list";
import { Placeholder } from "@tiptap/extensions";
import { StarterKit } from "@tiptap/starter-kit";
import { yCursorPlugin } from "@tiptap/y-tiptap";
import { t } from "../i18n";
import type { CanvasProvider, Person } from "./provider";

const HUES = [8, 32, 90, 150, 190, 220, 262, 320];

/** A colour for a person, the same for everyone who looks. */
export function hueOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) % 9973;
  return HUES[sum % HUES.length] ?? 220;
}

/** `nameOf` says what is written at the cursor of a user. */
export function createEditor(options: {
  element: HTMLElement;
  provider: CanvasProvider;
  nameOf: (userId: string) => string;
  label: string;
  onChange: () => void;
}): Editor {
  const { provider } = options;
  const carets = Extension.create({
    name: "carets",
    addProseMirrorPlugins: () => [
      yCursorPlugin(provider.awareness, {
        cursorBuilder: (user: Person) => caret(user.id, options.nameOf(user.id)),
        selectionBuilder: (user: Person) => ({
          class: "canvas-selection",
          style: `--hue: ${hueOf(user.id)}`,
        }),
      }),
    ],
  });
  provider.awareness.setLocalStateField("user", { id: "" });
  return new Editor({
    element: options.element,
    injectCSS: false,
    editable: false,
    extensions: [
      StarterKit.configure({
        undoRedo: false,
        link: {
          openOnClick: "whenNotEditable",
          HTMLAttributes: { rel: "noopener noreferrer nofollow", target: "_blank" },
        },
      }),
      TaskList,
      TaskItem.configure({ nested: true }),
      Placeholder.configure({ placeholder: t("Write something everyone here should find again…") }),
      Collaboration.configure({ document: provider.doc, field: "default" }),
      carets,
    ],
    editorProps: {
      attributes: {
        class: "canvas-text",
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": options.label,
      },
    },
    onTransaction: options.onChange,
  });
}

function caret(userId: string, name: string): HTMLElement {
  const mark = document.createElement("span");
  mark.className = "canvas-caret";
  mark.style.setProperty("--hue", String(hueOf(userId)));
  // The name is drawn by CSS: it is no part of the text.
  mark.dataset.name = name;
  mark.setAttribute("aria-hidden", "true");
  mark.append("\u2060");
  return mark;
}
