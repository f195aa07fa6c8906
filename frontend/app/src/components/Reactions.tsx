import type { Message, Reaction } from "@slackclone/client";
import { For, type JSX, Show } from "solid-js";
import { list, t, tn } from "../i18n";
import { myId, nameOf, state } from "../state/store";
import { pickEmoji } from "../state/ui";
import { toggleReaction } from "../state/verbs";
import { EmojiGlyph } from "./EmojiGlyph";
import { Icon } from "./Icon";

const NAMED = 12;

export function Reactions(props: { message: Message; canReact: boolean }): JSX.Element {
  const workspaceId = () => state.channels[props.message.channel_id]?.workspace_id ?? "";
  const who = (reaction: Reaction) => {
    const names = reaction.user_ids
      .slice(0, NAMED)
      .map((id) => (id === myId() ? t("You") : nameOf(workspaceId(), id)));
    const more = reaction.user_ids.length - names.length;
    if (more > 0) names.push(tn("{count} more", "{count} more", more));
    return tn("{names} reacted with {emoji}", "{names} reacted with {emoji}", names.length, {
      names: list(names),
      emoji: reaction.emoji,
    });
  };
  return (
    <Show when={props.message.reactions.length > 0}>
      <div class="reactions" role="group" aria-label={t("Reactions")}>
        <For each={props.message.reactions}>
          {(reaction) => {
            const mine = () => reaction.user_ids.includes(myId());
            return (
              <button
                type="button"
                class="reaction"
                classList={{ "reaction-mine": mine() }}
                aria-pressed={mine()}
                aria-label={`${reaction.emoji} ${reaction.user_ids.length}: ${who(reaction)}`}
                data-tip={who(reaction)}
                disabled={!props.canReact}
                onClick={() => void toggleReaction(props.message, reaction.emoji)}
              >
                <span class="reaction-emoji" aria-hidden="true">
                  <EmojiGlyph emoji={reaction.emoji} />
                </span>{" "}
                <span class="reaction-count">{reaction.user_ids.length}</span>
              </button>
            );
          }}
        </For>
        <Show when={props.canReact}>
          <button
            type="button"
            class="reaction reaction-add"
            aria-label={t("Add a reaction")}
            onClick={(event) =>
              pickEmoji({
                anchor: event.currentTarget,
                pick: (emoji) => void toggleReaction(props.message, emoji, true),
              })
            }
          >
            <Icon name="smilePlus" size={16} />
          </button>
        </Show>
      </div>
    </Show>
  );
}
