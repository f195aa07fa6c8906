import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

/** Makes a module of a catalog (`Catalog` in app/src/i18n.ts). What is not translated, or only guessed, stays out of it. */
export function gettext(): Plugin {
  return {
    name: "gettext",
    async load(id) {
      if (!id.endsWith(".po")) return null;
      const { po } = await import("gettext-parser");
      const { translations } = po.parse(await readFile(id));
      const catalog: Record<string, string | string[]> = {};
      for (const [context, texts] of Object.entries(translations)) {
        for (const [text, entry] of Object.entries(texts)) {
          const forms = entry.msgstr;
          if (!text || entry.comments?.flag?.includes("fuzzy") || forms.some((form) => !form)) continue;
          catalog[context ? `${context}\u0004${text}` : text] = entry.msgid_plural
            ? forms
            : (forms[0] ?? text);
        }
      }
      return { code: `export default JSON.parse(${JSON.stringify(JSON.stringify(catalog))});`, map: null };
    },
  };
}
