import { perLocale } from "../i18n";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

const formats = perLocale((locale) =>
  UNITS.map(
    (unit) =>
      new Intl.NumberFormat(locale, {
        style: "unit",
        unit,
        unitDisplay: unit === "byte" ? "long" : "short",
        maximumFractionDigits: 1,
      }),
  ),
);

export function sizeOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return formats()[unit]?.format(value >= 100 ? Math.round(value) : value) ?? "";
}
