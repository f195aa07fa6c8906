import { afterEach, describe, expect, it } from "vitest";
import { locale, number, perLocale, speak, speakFrom, t, tn, tnode, tp } from "../src/i18n";

afterEach(() => speakFrom("en", {}));

const german = {
  Send: "Senden",
  "Message {name}": "Nachricht an {name}",
  "{count} reply": ["{count} Antwort", "{count} Antworten"],
  "verb\u0004Open": "Öffnen",
};

describe("texts", () => {
  it("are English without a catalog", () => {
    expect(t("Send")).toBe("Send");
    expect(t("Message {name}", { name: "Ada" })).toBe("Message Ada");
    expect(tn("{count} reply", "{count} replies", 1)).toBe("1 reply");
    expect(tn("{count} reply", "{count} replies", 1234)).toBe("1,234 replies");
  });

  it("are the catalog's, and English where it has none", () => {
    speakFrom("de", german);
    expect(t("Send")).toBe("Senden");
    expect(t("Message {name}", { name: "{name}" })).toBe("Nachricht an {name}");
    expect(tn("{count} reply", "{count} replies", 1)).toBe("1 Antwort");
    expect(tn("{count} reply", "{count} replies", 1234)).toBe("1.234 Antworten");
    expect(tn("{count} file", "{count} files", 2)).toBe("2 files");
    expect(tp("verb", "Open")).toBe("Öffnen");
    expect(tp("state", "Open")).toBe("Open");
    expect(t("Cancel")).toBe("Cancel");
  });

  it("take their plural from the language's own rules", () => {
    speakFrom("pl", { "{count} file": ["{count} plik", "{count} pliki", "{count} plików"] });
    expect([1, 3, 5, 22].map((count) => tn("{count} file", "{count} files", count))).toEqual([
      "1 plik",
      "3 pliki",
      "5 plików",
      "22 pliki",
    ]);
    speakFrom("ja", { "{count} file": ["ファイル{count}件"] });
    expect(tn("{count} file", "{count} files", 1)).toBe("ファイル1件");
  });

  it("keep elements where the translation puts them", () => {
    speakFrom("de", { "{who} joined {channel}": "In {channel} ist {who}" });
    expect(tnode("{who} joined {channel}", { who: "Ada", channel: 7 })).toEqual([
      "In ",
      7,
      " ist ",
      "Ada",
      "",
    ]);
  });
});

it("numbers and formatters follow the language", () => {
  const day = perLocale(
    (language) => new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" }),
  );
  expect(day().format(0)).toBe("Thursday");
  expect(day()).toBe(day());
  speakFrom("de", {});
  expect(day().format(0)).toBe("Donnerstag");
  expect(number(0.5)).toBe("0,5");
});

it("a language without a catalog is English", async () => {
  await speak("tlh");
  expect(locale()).toBe("en");
});
