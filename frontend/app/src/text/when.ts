import { t } from "../i18n";
import { instant, type Wall, wallAt } from "./zone";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** In the person's time zone, as `<input type="datetime-local">` wants it. */
export function localInput(at: number): string {
  const { hour, minute } = wallAt(at);
  return `${dayInput(at)}T${two(hour)}:${two(minute)}`;
}

/** As `<input type="date">` wants it. */
export function dayInput(at: number): string {
  const { year, month, day } = wallAt(at);
  return `${year}-${two(month)}-${two(day)}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** What such an input holds. NaN when it holds nothing. */
export function readInput(value: string): number {
  const match = /^(\d{4,})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d))?/.exec(value);
  if (!match) return Number.NaN;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  return instant(year, month, day, hour, minute);
}

/** Nine in the morning, so many days from now. */
export function morning(days: number, now = Date.now()): number {
  const { year, month, day } = wallAt(now);
  return instant(year, month, day + days, 9);
}

/** The last second of the day, so many days from now. */
export function endOfDay(days: number, now = Date.now()): number {
  const { year, month, day } = wallAt(now);
  return instant(year, month, day + days, 23, 59) + 59_000;
}

/** Sunday's. */
export const endOfWeek = (now = Date.now()): number => endOfDay((7 - wallAt(now).weekday) % 7, now);

export function presets(now = Date.now()): { label: string; at: number }[] {
  const monday = (8 - wallAt(now).weekday) % 7 || 7;
  return [
    { label: t("In 20 minutes"), at: now + 20 * MINUTE },
    { label: t("In 1 hour"), at: now + HOUR },
    { label: t("In 3 hours"), at: now + 3 * HOUR },
    { label: t("Tomorrow at 9:00"), at: morning(1, now) },
    { label: t("Monday at 9:00"), at: morning(monday, now) },
  ];
}

const UNITS: Record<string, number> = {
  m: MINUTE,
  min: MINUTE,
  minute: MINUTE,
  h: HOUR,
  hour: HOUR,
  d: DAY,
  day: DAY,
  w: 7 * DAY,
  week: 7 * DAY,
};
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/**
 * "in 20 minutes", "at 15:30", "tomorrow", "tomorrow at 8am", "on monday", "on 2026-05-31 at 9:00", at the end or the beginning
 * of a text; the rest is what it is about. Null when there is no time in it.
 */
export function parseWhen(text: string, now = Date.now()): { at: number; rest: string } | null {
  const words = text.trim();
  const time = String.raw`(?:\s+at)?\s+(\d{1,2})(?::(\d{2}))?\s*(am|pm)?`;
  const patterns: [RegExp, (match: RegExpMatchArray) => number | null][] = [
    [
      /\bin\s+(an?|\d{1,4})\s*(m|min|minute|h|hour|d|day|w|week)s?\b/i,
      (match) => {
        const count = /^an?$/i.test(match[1] ?? "") ? 1 : Number(match[1]);
        return now + count * (UNITS[(match[2] ?? "").toLowerCase()] ?? 0);
      },
    ],
    [
      new RegExp(String.raw`\b(?:on\s+)?(\d{4})-(\d{2})-(\d{2})(?:${time})?`, "i"),
      (match) => {
        const day = { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) };
        return clockOn(day, match[4], match[5], match[6]);
      },
    ],
    [
      new RegExp(String.raw`\b(?:on\s+)?(today|tomorrow|${DAYS.join("|")})\b(?:${time})?`, "i"),
      (match) => {
        const word = (match[1] ?? "").toLowerCase();
        const today = wallAt(now);
        const ahead = (DAYS.indexOf(word) - today.weekday + 7) % 7 || 7;
        const days = word === "today" ? 0 : word === "tomorrow" ? 1 : ahead;
        return clockOn({ ...today, day: today.day + days }, match[2], match[3], match[4]);
      },
    ],
    [
      /\bat\s+(\d{1,2})(?::(\d{2}))?\s*(am|pm)?(?=\s|$)/i,
      (match) => {
        const today = wallAt(now);
        const at = clockOn(today, match[1], match[2], match[3]);
        const tomorrow = { ...today, day: today.day + 1 };
        return at !== null && at <= now ? clockOn(tomorrow, match[1], match[2], match[3]) : at;
      },
    ],
  ];
  for (const [pattern, read] of patterns) {
    const match = words.match(pattern);
    if (!match || match.index === undefined) continue;
    const at = read(match);
    if (at === null || Number.isNaN(at)) return null;
    const rest = `${words.slice(0, match.index)} ${words.slice(match.index + match[0].length)}`
      .replace(/\s+/g, " ")
      .trim();
    return { at, rest };
  }
  return null;
}

function clockOn(
  day: Pick<Wall, "year" | "month" | "day">,
  hours?: string,
  minutes?: string,
  half?: string,
): number | null {
  let hour = hours === undefined ? 9 : Number(hours);
  const minute = Number(minutes ?? 0);
  if (half && (hour < 1 || hour > 12)) return null;
  if (half) hour = (hour % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  if (hour > 23 || minute > 59) return null;
  return instant(day.year, day.month, day.day, hour, minute);
}
