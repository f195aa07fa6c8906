import { createSignal } from "solid-js";

const DAY = 86_400_000;

/** The zone that the person chose; "" is the browser's own. */
const [chosen, setZone] = createSignal("");

export { chosen as chosenZone, setZone };

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zoneName = (): string => chosen() || browserZone();

/** `month` counts from 1, `weekday` from Sunday, 0. */
export interface Wall {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  weekday: number;
}

let clock: { zone: string; format: Intl.DateTimeFormat } | null = null;

function formatIn(zone: string): Intl.DateTimeFormat {
  if (clock?.zone !== zone) {
    const numeric = "numeric" as const;
    const fields = {
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    };
    clock = {
      zone,
      format: new Intl.DateTimeFormat("en-US", { ...fields, hourCycle: "h23", timeZone: zone }),
    };
  }
  return clock.format;
}

/** What the clock on the wall shows, as if it hung in Greenwich. */
function shown(at: number, zone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatIn(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The clock and the calendar on the person's wall. */
export function wallAt(at: number): Wall {
  const zone = chosen();
  if (!zone) {
    const day = new Date(at);
    return {
      year: day.getFullYear(),
      month: day.getMonth() + 1,
      day: day.getDate(),
      hour: day.getHours(),
      minute: day.getMinutes(),
      weekday: day.getDay(),
    };
  }
  const day = new Date(shown(at, zone));
  return {
    year: day.getUTCFullYear(),
    month: day.getUTCMonth() + 1,
    day: day.getUTCDate(),
    hour: day.getUTCHours(),
    minute: day.getUTCMinutes(),
    weekday: day.getUTCDay(),
  };
}

/**
 * When the person's wall shows this; days and hours may run over. What the spring's change of clocks leaves out is read as if it
 * had not come yet, and of what the autumn's shows twice it is the first: as Date does it for the browser's own zone.
 */
export function instant(year: number, month: number, day: number, hour = 0, minute = 0): number {
  const zone = chosen();
  if (!zone) return new Date(year, month - 1, day, hour, minute).getTime();
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  const offset = (at: number) => shown(at, zone) - Math.floor(at / 1000) * 1000;
  const before = wanted - offset(wanted - DAY);
  if (shown(before, zone) === wanted) return before;
  const after = wanted - offset(wanted + DAY);
  return shown(after, zone) === wanted ? after : before;
}
