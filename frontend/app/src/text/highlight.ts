import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = {
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  go,
  ini,
  java,
  javascript,
  json,
  markdown,
  php,
  python,
  ruby,
  rust,
  sql,
  typescript,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const MAX_CHARS = 12_000;
const TOKEN = /^hljs-[a-z_-]+$/;

/** Colours a `<code class="language-…">`. The text stays what it was; of the highlighter's HTML only its spans are taken over. */
export function highlight(code: HTMLElement): void {
  const name = /(?:^|\s)language-([\w+#.-]+)/.exec(code.className)?.[1]?.toLowerCase() ?? "";
  const text = code.textContent ?? "";
  if (text.length > MAX_CHARS || !hljs.getLanguage(name)) return;
  const { value } = hljs.highlight(text, { language: name, ignoreIllegals: true });
  const parsed = new DOMParser().parseFromString(value, "text/html");
  const made = document.createDocumentFragment();
  copy(parsed.body, made);
  if (made.textContent === text) code.replaceChildren(made);
}

function copy(from: Node, to: Node): void {
  for (const node of Array.from(from.childNodes)) {
    if (node.nodeType === 3) to.appendChild(document.createTextNode(node.nodeValue ?? ""));
    if (node.nodeType !== 1) continue;
    const span = document.createElement("span");
    span.className = [...(node as Element).classList].filter((one) => TOKEN.test(one)).join(" ");
    copy(node, span);
    to.appendChild(span);
  }
}
