import type { Channel, EventFrame, Id } from "@slackclone/client";
import { type JSX, Show } from "solid-js";
import { list, t, tn } from "../i18n";
import { follow, href } from "../router";
import { nameOf } from "../state/store";
import { clock, full } from "../text/time";
import { Icon, type IconName } from "./Icon";

const NAMED = 4;

/** What happened to the channel, told between its messages. */
export function NoticeRow(props: { events: readonly EventFrame[]; channel: Channel }): JSX.Element {
  const first = () => props.events[0] as EventFrame;
  const name = (id: Id | null) => (id ? nameOf(props.channel.workspace_id, id) : t("Somebody"));
  const link = () => {
    const event = first();
    if (event.type !== "message.pinned") return null;
    const { message_id, thread_id } = event.data;
    return href({
      workspace: props.channel.workspace_id,
      channel: props.channel.id,
      message: message_id,
      thread: thread_id,
    });
  };
  return (
    <div class="notice" data-testid="notice">
      <span class="notice-icon">
        <Icon name={iconOf(first())} size={15} />
      </span>
      <span dir="auto">
        {sentence(props.events, name)}
        <Show when={link()}>
          {(to) => (
            <a href={to()} onClick={(event) => follow(event, to())}>
              {t("See it")}
            </a>
          )}
        </Show>
      </span>
      <time title={full(first().timestamp)} dateTime={new Date(first().timestamp).toISOString()}>
        {clock(first().timestamp)}
      </time>
    </div>
  );
}

function iconOf(event: EventFrame): IconName {
  switch (event.type) {
    case "channel.member_joined":
      return "userPlus";
    case "channel.member_left":
      return "leave";
    case "channel.archived":
    case "channel.unarchived":
      return "archive";
    case "message.pinned":
      return "pin";
    default:
      return "edit";
  }
}

export function sentence(events: readonly EventFrame[], name: (id: Id | null) => string): string {
  const event = events[0] as EventFrame;
  const who = name(event.actor_id);
  switch (event.type) {
    case "channel.member_joined":
    case "channel.member_left": {
      const joined = event.type === "channel.member_joined";
      const people = [...new Set(events.map((one) => ("user_id" in one.data ? one.data.user_id : "")))];
      const { user_id, by } = event.data;
      const names = listed(people.map(name));
      const count = people.length;
      if (by && by !== user_id) {
        const values = { names, by: name(by) };
        return joined
          ? tn("{names} was added by {by}.", "{names} were added by {by}.", count, values)
          : tn("{names} was removed by {by}.", "{names} were removed by {by}.", count, values);
      }
      return joined
        ? tn("{names} joined.", "{names} joined.", count, { names })
        : tn("{names} left.", "{names} left.", count, { names });
    }
    case "channel.updated": {
      const { changed = [], name: now, old_name, topic, purpose, posting } = event.data;
      const parts: string[] = [];
      if (changed.includes("name")) {
        parts.push(
          old_name
            ? t("{who} renamed the channel from #{old} to #{name}", { who, old: old_name, name: now ?? "" })
            : t("{who} named the channel #{name}", { who, name: now ?? "" }),
        );
      }
      if (changed.includes("topic"))
        parts.push(
          topic ? t("{who} set the topic: {topic}", { who, topic }) : t("{who} cleared the topic", { who }),
        );
      if (changed.includes("purpose"))
        parts.push(
          purpose
            ? t("{who} set the purpose: {purpose}", { who, purpose })
            : t("{who} cleared the purpose", { who }),
        );
      if (changed.includes("posting"))
        parts.push(
          posting === "admins"
            ? t("{who} made this a channel for announcements", { who })
            : t("{who} lets everyone post here", { who }),
        );
      return parts.join("; ") || t("{who} changed the channel", { who });
    }
    case "channel.archived":
      return t("{who} archived the channel.", { who });
    case "channel.unarchived":
      return t("{who} brought the channel back from the archive.", { who });
    case "message.pinned":
      return `${t("{who} pinned a message.", { who })} `;
    default:
      return "";
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, names.length > NAMED ? NAMED - 1 : NAMED);
  const rest = names.length - shown.length;
  return list(rest > 0 ? [...shown, tn("{count} other", "{count} others", rest)] : shown);
}
