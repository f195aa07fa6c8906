const DAY_MS = 86_400_000;
const locale = document.documentElement.lang || "en";

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const shortClock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", hourCycle: "h23" });
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(locale, { weekday: "long", month: "long", day: "numeric" });
const yearFormat = new Intl.DateTimeFormat(locale, { month: "long", day: "numeric", year: "numeric" });
const dateFormat = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });

export const clock = (at: number): string => clockFormat.format(at);
/** Fits the narrow column beside grouped messages. */
export const gutterClock = (at: number): string => shortClock.format(at);
export const full = (at: number): string => fullFormat.format(at);
export const date = (at: number): string => yearFormat.format(at);

export function dayOf(at: number): number {
  const day = new Date(at);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
}

export function dayName(day: number, now: number): string {
  const today = dayOf(now);
  if (day === today) return "Today";
  if (day >= today - 1.5 * DAY_MS && day < today) return "Yesterday";
  return new Date(day).getFullYear() === new Date(now).getFullYear()
    ? dayFormat.format(day)
    : yearFormat.format(day);
}

export function ago(at: number, now: number): string {
  const minutes = Math.max(0, Math.round((now - at) / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  if (hours < 24) return hours === 1 ? "1 hour ago" : `${hours} hours ago`;
  const days = Math.round(hours / 24);
  if (days < 7) return days === 1 ? "yesterday" : `${days} days ago`;
  return dateFormat.format(at);
}
