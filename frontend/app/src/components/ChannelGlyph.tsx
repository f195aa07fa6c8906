import type { Channel } from "@slackclone/client";
import { type JSX, Match, Switch } from "solid-js";
import { memberOf, nameOf, partnersOf } from "../state/store";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";
import { PresenceDot } from "./PresenceDot";

/** #, a lock, a face, or how many faces. */
export function ChannelGlyph(props: { channel: Channel }): JSX.Element {
  const partner = () => partnersOf(props.channel)[0] ?? "";
  return (
    <Switch fallback={<Icon name="hash" size={16} />}>
      <Match when={props.channel.kind === "private"}>
        <Icon name="lock" size={16} />
      </Match>
      <Match when={props.channel.kind === "dm"}>
        <span class="with-dot">
          <Avatar
            id={partner()}
            name={nameOf(props.channel.workspace_id, partner())}
            size="xs"
            bot={memberOf(props.channel.workspace_id, partner())?.is_bot ?? false}
          />
          <PresenceDot id={partner()} onAvatar />
        </span>
      </Match>
      <Match when={props.channel.kind === "group_dm"}>
        <span
          class="avatar avatar-xs avatar-count"
          aria-hidden="true"
          data-initials={partnersOf(props.channel).length}
        />
      </Match>
    </Switch>
  );
}
