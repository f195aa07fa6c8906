// messages.mjs [--check]: brings the texts of the sources into every locale/*/LC_MESSAGES/djangojs.po. With --check nothing is
// written: it fails on texts that go round gettext, and on catalogs that lack one, have one empty or fuzzy, or lose a placeholder.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { po } from "gettext-parser";
import { parseSync } from "vite";

const top = fileURLToPath(new URL("../..", import.meta.url));
const sources = ["frontend/app/src"];
const SHOWN = new Set([
  "alt",
  "aria-description",
  "aria-label",
  "heading",
  "hint",
  "label",
  "placeholder",
  "title",
]);
const LETTERS = /^(?!https?:).*\p{L}{2}/su;
/** A string of the code with a space in it and a capital first is a sentence, thus for people. */
const SENTENCE = /^\p{Lu}[\p{L}'’]* \S/u;
/** The same in every language. */
const NAMES = new Set(["Ctrl K", "name@example.org", "slackclone"]);
/** Said to developers, not to people. */
const UNSAID = new Set(["ApiError", "Error", "TypeError", "RangeError"]);

const problems = [];
const found = new Map();

function textOf(node) {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) return node.quasis[0].value.cooked;
  if (node?.type === "BinaryExpression" && node.operator === "+") {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === null || right === null ? null : left + right;
  }
  return null;
}

function note(place, text, plural, context) {
  const key = context ? `${context}\u0004${text}` : text;
  const entry = found.get(key) ?? { text, context, plural, places: new Set() };
  if (plural) {
    if (entry.plural && entry.plural !== plural)
      problems.push(`${place}: "${text}" has another plural elsewhere`);
    entry.plural = plural;
  }
  entry.places.add(place.replace(/:\d+$/, ""));
  found.set(key, entry);
}

const CALLS = {
  t: (place, [text]) => note(place, text),
  tnode: (place, [text]) => note(place, text),
  tp: (place, [context, text]) => note(place, text, undefined, context),
  tn: (place, [one, many]) => note(place, one, many),
};
const TEXTS = { t: 1, tnode: 1, tp: 2, tn: 2 };

function read(path) {
  const code = readFileSync(join(top, path), "utf8");
  const { program, errors } = parseSync(path, code);
  if (errors.length) problems.push(`${path}: ${errors[0].message}`);
  const lines = [...code.matchAll(/\n/g)].map((match) => match.index);
  const at = (node) => `${path}:${lines.filter((line) => line < node.start).length + 1}`;
  const unmarked = (node) => code.slice(0, node.start).split("\n").at(-1).includes("i18n: not shown");
  const raw = (node, text) =>
    unmarked(node) ||
    NAMES.has(text) ||
    problems.push(`${at(node)}: ${JSON.stringify(text)} goes round gettext`);

  function walk(node, inFunction, parent) {
    if (!node || typeof node !== "object") return;
    if (Array.isArray(node)) {
      for (const one of node) walk(one, inFunction, parent);
      return;
    }
    switch (node.type) {
      case "ImportDeclaration":
      case "TSLiteralType":
      case "ExportAllDeclaration":
        return;
      case "CallExpression": {
        const name = node.callee.type === "Identifier" ? node.callee.name : "";
        if (name in CALLS && !path.endsWith("/i18n.ts")) {
          const texts = node.arguments.slice(0, TEXTS[name]);
          const values = texts.map(textOf);
          // A text kept in a table is marked there: `t` of a name, as gettext does it.
          if (values.includes(null)) problems.push(`${at(node)}: ${name} of something that is no text`);
          else if (!inFunction) problems.push(`${at(node)}: ${name} before the language is known`);
          else CALLS[name](at(node), values);
          for (const rest of node.arguments.slice(TEXTS[name])) walk(rest, inFunction, node);
          return;
        }
        if (name === "toast" && node.arguments[0]?.type === "Literal") raw(node, node.arguments[0].value);
        break;
      }
      case "Property":
        if (
          SHOWN.has(node.key.name) &&
          node.value.type === "Literal" &&
          /^\p{Lu}\p{L}/u.test(node.value.value)
        )
          raw(node, node.value.value);
        break;
      case "NewExpression":
        if (UNSAID.has(node.callee.name)) return;
        break;
      case "JSXText":
        if (LETTERS.test(node.value)) raw(node, node.value.trim());
        return;
      case "JSXAttribute": {
        const name = node.name.type === "JSXNamespacedName" ? "" : node.name.name;
        if (SHOWN.has(name) && node.value?.type === "Literal" && LETTERS.test(node.value.value)) {
          raw(node, node.value.value);
          return;
        }
        break;
      }
      case "Literal":
        if (typeof node.value === "string" && SENTENCE.test(node.value)) raw(node, node.value);
        return;
      case "TemplateLiteral":
        if (SENTENCE.test(node.quasis.map((part) => part.value.cooked).join("…"))) {
          raw(node, code.slice(node.start, node.end));
          return;
        }
        break;
    }
    const inside = inFunction || /Function/.test(node.type) || node.type === "MethodDefinition";
    for (const [key, value] of Object.entries(node)) {
      if (key !== "type" && key !== "start" && key !== "end") walk(value, inside, node);
    }
  }
  walk(program, false, null);
}

for (const folder of sources) {
  const names = readdirSync(join(top, folder), { recursive: true }).filter((name) => /\.tsx?$/.test(name));
  for (const name of names.sort()) read(join(folder, name));
}

const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(([whole]) => whole);
const lost = (from, to) => placeholders(from).some((one) => !to.includes(one));
const unknown = (from, to) => placeholders(to).some((one) => !from.includes(one));

function bring(path) {
  const catalog = po.parse(readFileSync(path));
  const fresh = { "": { "": catalog.translations[""][""] } };
  const forms = Number(/nplurals=(\d+)/.exec(catalog.headers["Plural-Forms"] ?? "")?.[1] ?? 2);
  const name = relative(top, path);
  const kept = (entry) => catalog.translations[entry.context ?? ""]?.[entry.text];
  const missing = [];
  for (const entry of [...found.values()].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))) {
    const old = kept(entry);
    const wanted = entry.plural ? forms : 1;
    const msgstr = old?.msgstr.length === wanted ? old.msgstr : Array.from({ length: wanted }, () => "");
    const said = JSON.stringify(entry.text);
    if (!old || (old.msgid_plural ?? undefined) !== entry.plural) missing.push(said);
    else if (msgstr.some((form) => !form)) problems.push(`${name}: ${said} is empty`);
    else if (old.comments?.flag?.includes("fuzzy")) problems.push(`${name}: ${said} is fuzzy`);
    for (const form of msgstr.filter(Boolean)) {
      // A form for one may say "a" where the others have the number.
      if (entry.plural ? lost(entry.text.replace("{count}", ""), form) : lost(entry.text, form))
        problems.push(`${name}: ${said} loses a placeholder`);
      if (unknown(entry.text + (entry.plural ?? ""), form))
        problems.push(`${name}: ${said} has an unknown placeholder`);
    }
    const comments = { reference: [...entry.places].sort().join("\n") };
    if (old?.comments?.translator) comments.translator = old.comments.translator;
    fresh[entry.context ?? ""] ??= {};
    fresh[entry.context ?? ""][entry.text] = {
      ...(entry.context ? { msgctxt: entry.context } : {}),
      msgid: entry.text,
      ...(entry.plural ? { msgid_plural: entry.plural } : {}),
      msgstr,
      comments,
    };
  }
  for (const said of missing) problems.push(`${name}: ${said} is missing`);
  const gone = Object.values(catalog.translations).flatMap((texts) => Object.values(texts));
  for (const { msgid, msgctxt } of gone) {
    if (msgid && !found.has(msgctxt ? `${msgctxt}\u0004${msgid}` : msgid))
      problems.push(`${name}: ${JSON.stringify(msgid)} is in no source`);
  }
  return po.compile({ ...catalog, translations: fresh }, { foldLength: 120 });
}

const locale = join(top, "locale");
for (const language of readdirSync(locale).sort()) {
  const path = join(locale, language, "LC_MESSAGES", "djangojs.po");
  const compiled = bring(path);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, `${compiled.toString().trimEnd()}\n`);
    console.log(`${relative(dirname(locale), path)}: ${found.size} texts`);
  }
}
for (const problem of problems) console.log(problem);
process.exit(process.argv.includes("--check") && problems.length ? 1 : 0);
