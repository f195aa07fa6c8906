import { locale, perLocale, t } from "../i18n";
import { chosenZone, instant, wallAt } from "./zone";

const DAY_MS = 86_400_000;

/** In the person's language and zone; a formatter is costly, so it is kept until one of them changes. */
function formatter(options: Intl.DateTimeFormatOptions): (at: number) => string {
  let madeFor = "";
  let format: Intl.DateTimeFormat;
  return (at) => {
    const zone = chosenZone();
    const wanted = `${locale()} ${zone}`;
    if (wanted !== madeFor) {
      format = new Intl.DateTimeFormat(locale(), zone ? { ...options, timeZone: zone } : options);
      madeFor = wanted;
    }
    return format.format(at);
  };
}

export const clock = formatter({ hour: "numeric", minute: "2-digit" });
/** Fits the narrow column beside grouped messages. */
export const gutterClock = formatter({ hour: "numeric", minute: "2-digit", hourCycle: "h23" });
export const full = formatter({ dateStyle: "full", timeStyle: "medium" });
export const date = formatter({ month: "long", day: "numeric", year: "numeric" });
const dayInYear = formatter({ weekday: "long", month: "long", day: "numeric" });
const shortDate = formatter({ month: "short", day: "numeric" });
const relative = perLocale((language) => new Intl.RelativeTimeFormat(language, { numeric: "auto" }));

export function dayOf(at: number): number {
  const { year, month, day } = wallAt(at);
  return instant(year, month, day);
}

export function dayName(day: number, now: number): string {
  const today = dayOf(now);
  if (day === today) return t("Today");
  if (day >= today - 1.5 * DAY_MS && day < today) return t("Yesterday");
  return wallAt(day).year === wallAt(now).year ? dayInYear(day) : date(day);
}

export function ago(at: number, now: number): string {
  const minutes = Math.max(0, Math.round((now - at) / 60_000));
  if (minutes < 1) return t("just now");
  if (minutes < 60) return relative().format(-minutes, "minute");
  const hours = Math.round(minutes / 60);
  if (hours < 24) return relative().format(-hours, "hour");
  const days = Math.round(hours / 24);
  return days < 7 ? relative().format(-days, "day") : shortDate(at);
}
