import type { Channel, EventFrame, Id } from "@slackclone/client";
import { type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { follow, href } from "../router";
import { nameOf } from "../state/store";
import { clock, full } from "../text/time";
import { Icon, type IconName } from "./Icon";

const NAMED = 4;

/** What happened to the channel, told between its messages. */
export function NoticeRow(props: { events: readonly EventFrame[]; channel: Channel }): JSX.Element {
  const first = () => props.events[0] as EventFrame;
  const name = (id: Id | null) => (id ? nameOf(props.channel.workspace_id, id) : "Somebody");
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
      if (by && by !== user_id) {
        const verb = people.length === 1 ? "was" : "were";
        return `${listed(people.map(name))} ${verb} ${joined ? "added" : "removed"} by ${name(by)}.`;
      }
      return `${listed(people.map(name))} ${joined ? "joined" : "left"}.`;
    }
    case "channel.updated": {
      const { changed = [], name: now, old_name, topic, purpose } = event.data;
      const parts: string[] = [];
      if (changed.includes("name")) {
        parts.push(
          old_name ? `renamed the channel from #${old_name} to #${now}` : `named the channel #${now}`,
        );
      }
      if (changed.includes("topic")) parts.push(topic ? `set the topic: ${topic}` : "cleared the topic");
      if (changed.includes("purpose"))
        parts.push(purpose ? `set the purpose: ${purpose}` : "cleared the purpose");
      if (changed.includes("posting"))
        parts.push(
          event.data.posting === "admins"
            ? "made this a channel for announcements"
            : "lets everyone post here",
        );
      return `${who} ${parts.join(", and ") || "changed the channel"}`;
    }
    case "channel.archived":
      return `${who} archived the channel.`;
    case "channel.unarchived":
      return `${who} brought the channel back from the archive.`;
    case "message.pinned":
      return `${who} pinned a message. `;
    default:
      return "";
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, names.length > NAMED ? NAMED - 1 : NAMED);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} others`;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
