import type { Id } from "@slackclone/client";
import { For, type JSX, Show } from "solid-js";
import { Icon, type IconName } from "../components/Icon";
import { t } from "../i18n";
import { toggleSaved } from "../state/desk";
import { markUnread } from "../state/reads";
import { myId, state } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { openDialog, pickEmoji, setEditing } from "../state/ui";
import { copyLink, copyText, openThreadOf, toggleReaction } from "../state/verbs";
import { close, Modal } from "./parts";

/** What can be done with a message, for fingers. */
export function Sheet(props: { messageId: Id }): JSX.Element {
  const message = () => state.messages[props.messageId];
  const quick = ["👍", "❤️", "😂", "🎉", "👀"];
  return (
    <Show when={message()}>
      {(found) => {
        const one = found();
        const channel = state.channels[one.channel_id];
        const role = state.workspaces[channel?.workspace_id ?? ""]?.role;
        const mine = one.sender_id === myId();
        const act = (run: () => unknown) => () => {
          close();
          void Promise.resolve(run()).catch(toastError);
        };
        const pick = () => {
          const anchor = document.querySelector<HTMLElement>(`[data-message-id="${one.message_id}"]`);
          if (anchor) pickEmoji({ anchor, pick: (emoji) => void toggleReaction(one, emoji) });
        };
        const entries: { icon: IconName; label: string; run: () => unknown; shown?: boolean }[] = [
          { icon: "thread", label: t("Reply in thread"), run: () => openThreadOf(one) },
          { icon: "edit", label: t("Edit message"), run: () => setEditing(one.message_id), shown: mine },
          { icon: "bookmark", label: t("Save for later"), run: () => toggleSaved(one) },
          {
            icon: "forward",
            label: t("Forward message"),
            run: () => openDialog({ name: "forward", messageId: one.message_id }),
          },
          {
            icon: "clock",
            label: t("Remind me…"),
            run: () => openDialog({ name: "remind", messageId: one.message_id }),
          },
          { icon: "message", label: t("Mark unread from here"), run: () => markUnread(one), shown: !mine },
          { icon: "link", label: t("Copy link"), run: () => copyLink(one) },
          {
            icon: "copy",
            label: t("Copy text"),
            run: () => copyText(one.text).then(() => toast(t("Text copied."))),
          },
          {
            icon: "trash",
            label: t("Delete message"),
            run: () => openDialog({ name: "delete-message", messageId: one.message_id }),
            shown: mine || role === "owner" || role === "admin",
          },
        ];
        return (
          <Modal title={t("Message actions")} size="sm">
            <div class="sheet-quick" role="group" aria-label={t("React")}>
              <For each={quick}>
                {(emoji) => (
                  <button type="button" class="tool" onClick={act(() => toggleReaction(one, emoji))}>
                    {emoji}
                  </button>
                )}
              </For>
              <button type="button" class="tool" aria-label={t("Add a reaction")} onClick={act(pick)}>
                <Icon name="smile" />
              </button>
            </div>
            <ul class="sheet-list">
              <For each={entries.filter((entry) => entry.shown !== false)}>
                {(entry) => (
                  <li>
                    <button type="button" class="menu-item" onClick={act(entry.run)}>
                      <Icon name={entry.icon} size={18} /> {entry.label}
                    </button>
                  </li>
                )}
              </For>
            </ul>
          </Modal>
        );
      }}
    </Show>
  );
}
