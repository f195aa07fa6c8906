const RED = "#d92d20";
const original = () => document.querySelector<HTMLLinkElement>("link[rel=icon]");
let plain: string | null = null;
let shown = "";

/** The tab's icon: with a number for what is for the reader, with a dot for what is unread. */
export function showFavicon(badges: number, unread: boolean): void {
  const mark = badges > 0 ? (badges > 9 ? "9+" : String(badges)) : unread ? "•" : "";
  const link = original();
  if (!link || mark === shown) return;
  plain ??= link.href;
  shown = mark;
  link.href = mark === "" ? plain : `data:image/svg+xml,${encodeURIComponent(drawing(mark))}`;
}

function drawing(mark: string): string {
  const badge =
    mark === "•"
      ? `<circle cx="25" cy="7" r="6" fill="${RED}" stroke="#fff" stroke-width="2"/>`
      : `<rect x="${mark.length > 1 ? 10 : 14}" y="0" width="${mark.length > 1 ? 22 : 18}" height="18" rx="9" fill="${RED}"/>` +
        `<text x="${mark.length > 1 ? 21 : 23}" y="14" text-anchor="middle" font-family="sans-serif" font-size="14"` +
        ` font-weight="700" fill="#fff">${mark}</text>`;
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#5b4bd8"/>' +
    '<path d="M9 11.5A2.5 2.5 0 0 1 11.500 9h9A2.500 2.500 0 0 1 23 11.500v6a2.500 2.500 0 0 1-2.500 2.500H15l-4.300 3.400a.6.6 0 0 1-1-.47V19.700A2.500 2.500 0 0 1 9 17.500z" fill="#fff"/>' +
    `${badge}</svg>`
  );
}
