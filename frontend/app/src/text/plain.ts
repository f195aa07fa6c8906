import type { Id, Message } from "@slackclone/client";

const BREAKS = "br, p, li, pre, blockquote, hr";

/** A message as one line of plain text: no markup, people by their names. Nothing of it is ever put into the page. */
export function plainOf(message: Pick<Message, "text" | "html">, nameOf: (id: Id) => string): string {
  if (!message.html) return oneLine(message.text);
  const parsed = new DOMParser().parseFromString(message.html, "text/html");
  for (const mention of parsed.querySelectorAll("span[data-user-id]"))
    mention.textContent = `@${nameOf(mention.getAttribute("data-user-id") ?? "")}`;
  for (const element of parsed.querySelectorAll(BREAKS)) element.after(" ");
  return oneLine(parsed.body.textContent ?? "");
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
