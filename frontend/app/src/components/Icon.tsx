import type { JSX } from "solid-js";

/* Strokes on a 24 × 24 grid, drawn for this project. */
const PATHS = {
  archive: "M3 4h18v4H3zM5 8v11a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V8M10 12h4",
  arrowDown: "M12 5v14M6 13l6 6 6-6",
  at: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0v1.500a2.500 2.500 0 0 0 5 0V12a9 9 0 1 0-3.600 7.200",
  bookmark: "M6 4h12v16l-6-4.500L6 20z",
  bell: "M6 9a6 6 0 1 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2.200 2.200 0 0 0 4 0",
  bellOff:
    "M9 4a6 6 0 0 1 9 5c0 2.500.4 4.200.9 5.400M17 16H4s2-1 2-7c0-.5 0-.9.1-1.300M10 20a2.200 2.200 0 0 0 4 0M3 3l18 18",
  bellSleep:
    "M6 9a6 6 0 0 1 7-5.900M17.800 12c.600 3.200 2.200 4 2.200 4H4s2-1 2-7M10 20a2.200 2.200 0 0 0 4 0M16 3h5l-5 5.500h5",
  bold: "M7 4h6a4 4 0 0 1 0 8H7zM7 12h7a4 4 0 0 1 0 8H7z",
  check: "M5 12.500l4.500 4.500L19 7",
  chevronDown: "M6 9l6 6 6-6",
  chevronLeft: "M15 5l-7 7 7 7",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5l3 2",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  codeBlock: "M4 4h16v16H4zM10 9l-3 3 3 3M14 9l3 3-3 3",
  compose: "M12 20h8M16.500 4.500a2.100 2.100 0 0 1 3 3L8 19l-4 1 1-4z",
  contrast: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 3v18M14 6h3.500M14 9.500h6M14 13h6.500M14 16.500h4.500",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M16.500 4.500a2.100 2.100 0 0 1 3 3L8 19l-4 1 1-4z",
  forward: "M14 6l6 5.500-6 5.500v-3.500C9 13.500 6 15 4 19c0-6 3-9.500 10-9.500z",
  hash: "M9 4L7 20M17 4l-2 16M4 9h17M3 15h17",
  heading: "M6 4v16M18 4v16M6 12h12",
  canvas: "M5 4h14v16H5zM8.500 8.500h7M8.500 12h7M8.500 15.500h4",
  history: "M3.500 12a8.500 8.500 0 1 0 2.600-6.100L3.500 8.500M3.500 4v4.500H8M12 8v4l3 2",
  italic: "M10 4h8M6 20h8M14 4l-4 16",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M17 14h.01M7 14h.01M10 14h4",
  leave: "M14 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5M10 8l-4 4 4 4M6 12h9",
  link: "M10 14a4 4 0 0 0 5.700 0l3.100-3.100a4 4 0 0 0-5.700-5.700L12 6.300M14 10a4 4 0 0 0-5.700 0l-3.100 3.100a4 4 0 0 0 5.700 5.700l1.100-1.100",
  list: "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
  listOrdered: "M10 6h10M10 12h10M10 18h10M4 5l1.500-1v5M4 9h3M4 15.500c0-2 3-2 3 0 0 1.200-3 2.500-3 4h3",
  lock: "M6 11h12v9H6zM9 11V7.500a3 3 0 0 1 6 0V11",
  menu: "M4 7h16M4 12h16M4 17h16",
  message:
    "M5 5h14a1.500 1.500 0 0 1 1.500 1.500v9A1.500 1.500 0 0 1 19 17h-7l-4.500 3.500V17H5a1.500 1.500 0 0 1-1.500-1.500v-9A1.500 1.500 0 0 1 5 5",
  monitor: "M3 5h18v11H3zM9 20h6M12 16v4",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500",
  pin: "M9 3.500h6M10 3.500v6.500l-3.500 4h11L14 10V3.500M12 14v6.500",
  paperclip:
    "M20 11.500l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400l7.500-7.500",
  plus: "M12 5v14M5 12h14",
  quote: "M5 5v14M10 8h10M10 12h10M10 16h6",
  refresh: "M20 12a8 8 0 1 1-2.500-5.800L20 8.500M20 4v4.500h-4.500",
  richText:
    "M3 18l4.500-12L12 18M4.500 14h6M14.500 18.500h6M16 15a2 2 0 1 0 3.500-1.300 2 2 0 0 0-3.500 1.300M19.500 12v6",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13M15.500 15.500L20 20",
  send: "M4 12l16-7.500-5 15.500-3.500-6.500zM11.500 13.500L20 4.500",
  settings:
    "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6M12 3v2.500M12 18.500V21M4.200 7.500l2.200 1.250M17.600 15.250l2.200 1.250M4.200 16.500l2.200-1.250M17.600 8.750l2.200-1.250",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.500 14.200a4.300 4.300 0 0 0 7 0M9 9.500h.01M15 9.500h.01",
  smilePlus:
    "M20.500 10.500A9 9 0 1 1 13.500 3.200M8.500 14.200a4.300 4.300 0 0 0 7 0M9 9.500h.01M15 9.500h.01M19 2v6M16 5h6",
  star: "M12 3.500l2.600 5.400 5.900.8-4.300 4.100 1 5.900L12 16.900l-5.200 2.800 1-5.900L3.500 9.700l5.900-.8z",
  strike:
    "M4 12h16M16.500 7.500A4 4 0 0 0 12.500 5h-1a3.500 3.500 0 0 0-2.300 6.100M7.500 16.500a4 4 0 0 0 4 2.500h1a3.500 3.500 0 0 0 3.300-4.700",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  thread: "M5 4h14v10H9l-4 3.500zM8.500 8h7M8.500 11h4M12 17.500h4l3 2.500v-3",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  userPlus:
    "M10 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M3.500 20c.3-3.500 2.800-6 6.500-6s6.200 2.500 6.500 6M19 7v6M16 10h6",
  users:
    "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M2.500 20c.3-3.500 2.800-6 6.500-6s6.200 2.500 6.500 6M16 4.300a3.500 3.500 0 0 1 0 6.400M17.500 14.300c2.300.7 3.800 2.800 4 5.700",
  warning: "M12 4l9.500 16h-19zM12 10v4.500M12 17.500h.01",
  x: "M6 6l12 12M18 6L6 18",
} as const;

/** They point along the line, so they point the other way where lines run from the right. */
const ONWARD = new Set<string>([
  "chevronLeft",
  "forward",
  "leave",
  "send",
  "history",
  "list",
  "listOrdered",
  "quote",
  "thread",
]);

export type IconName = keyof typeof PATHS;

export function Icon(props: { name: IconName; class?: string; size?: number }): JSX.Element {
  return (
    <svg
      class={props.class ? `icon ${props.class}` : "icon"}
      classList={{ "icon-onward": ONWARD.has(props.name) }}
      width={props.size ?? 18}
      height={props.size ?? 18}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={props.name === "dots" ? 2.75 : 1.75}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[props.name]} />
    </svg>
  );
}
