import { createSignal, type JSX } from "solid-js";

/** A language's texts by their English ones; several where the text counts something. A text in a context: `context\u0004text`. */
export type Catalog = Record<string, string | string[]>;
export type Values = Record<string, string | number>;

/** BCP 47, as on `<html lang>`. English is the sources' own. */
const SOURCE = "en";
/** Those that there is a catalog for, by their own names. */
export const LANGUAGES: Readonly<Record<string, string>> = { en: "English", de: "Deutsch" };
const RTL = new Set(["ar", "fa", "he", "ur", "yi"]);
const CATEGORIES: Intl.LDMLPluralRule[] = ["zero", "one", "two", "few", "many", "other"];
const CONTEXT = "\u0004";

interface Speech {
  locale: string;
  catalog: Catalog;
  forms: Intl.LDMLPluralRule[];
  plural: Intl.PluralRules;
  number: Intl.NumberFormat;
  list: Intl.ListFormat;
  /** Only of a pseudo-language: what it makes of an English text. */
  twist?: (text: string) => string;
}

const speechOf = (locale: string, catalog: Catalog): Speech => {
  const plural = new Intl.PluralRules(locale);
  const used = plural.resolvedOptions().pluralCategories;
  const forms = CATEGORIES.filter((category) => used.includes(category));
  return {
    locale,
    catalog,
    forms,
    plural,
    number: new Intl.NumberFormat(locale),
    list: new Intl.ListFormat(locale),
  };
};

const page = () => (typeof document === "undefined" ? null : document.documentElement);
const english = new Intl.PluralRules(SOURCE);
const [speech, setSpeech] = createSignal<Speech>(speechOf(page()?.lang || SOURCE, {}));

/** For Intl. Whoever keeps a formatter keeps it for one locale only: `perLocale`. */
export const locale = (): string => speech().locale;

/** What `make` returns, made anew only when the language changed. */
export function perLocale<T>(make: (locale: string) => T): () => T {
  let madeFor: string | null = null;
  let made: T;
  return () => {
    const wanted = locale();
    if (wanted !== madeFor) {
      made = make(wanted);
      madeFor = wanted;
    }
    return made;
  };
}

/**
 * `text` is the English sentence itself with `{name}` where values go. Call it where the text is shown, not at the top of a
 * module: there the language is not known yet.
 */
export function t(text: string, values?: Values): string {
  const found = speech().catalog[text];
  return filled(typeof found === "string" ? found : text, values);
}

/** `t` for a text that means two things in English: the context says which one. */
export function tp(context: string, text: string, values?: Values): string {
  const found = speech().catalog[context + CONTEXT + text];
  return filled(typeof found === "string" ? found : text, values);
}

/** By the language's own plural rules; `{count}` is the number as that language writes it. */
export function tn(one: string, many: string, count: number, values?: Values): string {
  const { catalog, plural, forms } = speech();
  const found = catalog[one];
  const form = Array.isArray(found)
    ? found[Math.min(forms.indexOf(plural.select(count)), found.length - 1)]
    : undefined;
  return filled(form ?? (english.select(count) === "one" ? one : many), { count, ...values });
}

/** `t` with elements for values. */
export function tnode(text: string, values: Record<string, JSX.Element>): JSX.Element[] {
  return t(text)
    .split(/\{(\w+)\}/)
    .map((part, index) => (index % 2 === 0 ? part : part in values ? values[part] : `{${part}}`));
}

/** "Ada, Bob and Cy", as the language joins them. */
export const list = (items: readonly string[]): string => speech().list.format(items);

export const number = (value: number): string => speech().number.format(value);

function filled(found: string, values?: Values): string {
  const { twist } = speech();
  const text = twist ? twist(found) : found;
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

const catalogs = import.meta.glob<{ default: Catalog }>("../../../locale/*/LC_MESSAGES/djangojs.po");
const catalogAt = (language: string) =>
  catalogs[`../../../locale/${language.replace("-", "_")}/LC_MESSAGES/djangojs.po`];

/** The first of the browser's languages that is spoken here. */
export function browserLanguage(): string {
  const known = navigator.languages.map((tag) => tag.split("-")[0] ?? "").find((tag) => tag in LANGUAGES);
  return known ?? SOURCE;
}

/** Speaks `wanted`, or English when there is no catalog for it or it can't be had now. */
export async function speak(wanted: string): Promise<void> {
  const language = wanted.split("-")[0] ?? SOURCE;
  const load = catalogAt(wanted) ?? catalogAt(language);
  let catalog: Catalog | null = language === SOURCE ? {} : null;
  try {
    if (wanted === "en-XA" || wanted === "ar-XB") {
      const { twist } = await import("./text/pseudo");
      speakFrom(wanted, {}, twist[wanted]);
      return;
    }
    if (load) catalog = (await load()).default;
  } catch {
    // The texts could not be had: English is better than nothing.
  }
  speakFrom(catalog ? wanted : SOURCE, catalog ?? {});
}

export function speakFrom(locale: string, catalog: Catalog, twist?: (text: string) => string): void {
  setSpeech({ ...speechOf(locale, catalog), ...(twist ? { twist } : {}) });
  const root = page();
  if (!root) return;
  root.lang = locale;
  root.dir = RTL.has(locale.split("-")[0] ?? "") ? "rtl" : "ltr";
}
