import type { Message } from "@slackclone/client";
import { createEffect, createSignal, type JSX, onMount } from "solid-js";
import { tn } from "../i18n";
import { follow, href, route } from "../router";
import { groupOf } from "../state/groups";
import { ownEmojiNamed } from "../state/ownEmoji";
import { myId, state } from "../state/store";
import { openDialog } from "../state/ui";
import { linkify } from "../text/linkify";
import { highlightMentions } from "../text/mentions";
import { showNamed } from "../text/named";
import { sanitize } from "../text/sanitize";

const EMOJI_ONLY =
  /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,6}$/u;

const ONLY_EMOJI_CHARS = 120;

/** The text of a message, built as DOM: from cleaned HTML when there is some, else from the text itself. */
export function MessageBody(props: { message: Pick<Message, "text" | "html" | "mentions"> }): JSX.Element {
  let element!: HTMLDivElement;
  const [onlyEmoji, setOnlyEmoji] = createSignal(false);
  createEffect(() => {
    const { html, text, mentions } = props.message;
    const content = html === null ? plain(text) : sanitize(html);
    const workspace = route().workspace;
    highlightMentions(content, mentions, myId(), (id) => groupOf(workspace, id)?.mine ?? false);
    for (const span of content.querySelectorAll<HTMLElement>("span.mention[data-group-id]")) {
      const group = groupOf(workspace, span.dataset.groupId ?? "");
      if (group) {
        span.title = tn("{name}: one person", "{name}: {count} people", group.member_count, {
          name: group.name,
        });
      }
    }
    showNamed(
      content,
      (name) => ownEmojiNamed(workspace, name),
      (name) => {
        const found = Object.values(state.channels).find(
          (one) => one.name === name && one.workspace_id === workspace,
        );
        return found ? href({ workspace: found.workspace_id, channel: found.id }) : null;
      },
    );
    setOnlyEmoji(
      text.length <= ONLY_EMOJI_CHARS &&
        content.querySelector(".own-emoji") !== null &&
        (!content.textContent?.trim() || EMOJI_ONLY.test(content.textContent)),
    );
    element.replaceChildren(content);
    colour(element);
  });
  onMount(() => element.addEventListener("click", stayInside));
  return (
    <div
      ref={element}
      class="message-body"
      classList={{
        "message-body-plain": props.message.html === null,
        "message-body-emoji":
          onlyEmoji() || (props.message.text.length <= 40 && EMOJI_ONLY.test(props.message.text)),
      }}
      dir="auto"
    />
  );
}

/** Code with a language named is coloured once the highlighter is here: it comes when it is first needed. */
function colour(element: HTMLElement): void {
  const blocks = element.querySelectorAll<HTMLElement>("pre > code[class*=language-]");
  if (blocks.length === 0) return;
  void import("../text/highlight").then(
    ({ highlight }) => {
      for (const block of blocks) highlight(block);
    },
    () => undefined,
  );
}

/** A link into the app stays in it. */
function stayInside(event: MouseEvent): void {
  const group = (event.target as Element).closest<HTMLElement>("span.mention[data-group-id]");
  if (group?.dataset.groupId && groupOf(route().workspace, group.dataset.groupId)) {
    openDialog({ name: "groups", groupId: group.dataset.groupId });
    return;
  }
  const link = (event.target as Element).closest("a");
  if (link && link.origin === location.origin && link.pathname.startsWith("/w/")) {
    follow(event, link.pathname);
  }
}

function plain(text: string): DocumentFragment {
  const content = document.createDocumentFragment();
  for (const piece of linkify(text)) {
    if (!piece.href) {
      content.append(piece.text);
      continue;
    }
    const link = document.createElement("a");
    link.href = piece.href;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.textContent = piece.text;
    content.append(link);
  }
  return content;
}
