import { DropdownMenu } from "@kobalte/core/dropdown-menu";
import type { Id, Message, OutboxEntry } from "@slackclone/client";
import { createSignal, For, type JSX, Show } from "solid-js";
import { t, tn } from "../i18n";
import { follow, href } from "../router";
import { toggleSaved } from "../state/desk";
import { isPinned, pinOf, setPinned } from "../state/pins";
import { markUnread } from "../state/reads";
import { memberOf, myId, nameOf, state } from "../state/store";
import { toast } from "../state/toasts";
import { editing, now, openDialog, pickEmoji, setEditing, showProfile } from "../state/ui";
import {
  copyLink,
  copyText,
  editMessage,
  openThreadOf,
  setFollowing,
  threadLink,
  toggleReaction,
} from "../state/verbs";
import { socket } from "../state/wire";
import { ago, clock, full, gutterClock } from "../text/time";
import { Avatar } from "./Avatar";
import { Composer } from "./Composer";
import { Icon } from "./Icon";
import { LinkCards } from "./LinkCards";
import { MessageBody } from "./MessageBody";
import { MessageFiles } from "./MessageFiles";
import { QuoteCard } from "./QuoteCard";
import { Reactions } from "./Reactions";

export function MessageRow(props: {
  id: Id;
  head: boolean;
  /** In the thread pane there is no way deeper. */
  inThread?: boolean;
  highlighted?: boolean;
}): JSX.Element {
  const message = () => state.messages[props.id];
  return <Show when={message()}>{(found) => <Row {...props} message={found()} />}</Show>;
}

function Row(props: {
  message: Message;
  head: boolean;
  inThread?: boolean;
  highlighted?: boolean;
}): JSX.Element {
  const [hovered, setHovered] = createSignal(false);
  const [menuOpen, setMenuOpen] = createSignal(false);
  const channel = () => state.channels[props.message.channel_id];
  const workspaceId = () => channel()?.workspace_id ?? "";
  const name = () => nameOf(workspaceId(), props.message.sender_id);
  const isBot = () => memberOf(workspaceId(), props.message.sender_id)?.is_bot ?? false;
  const canAct = () => !props.message.deleted && channel()?.is_member === true && !channel()?.archived;
  const isEditing = () => editing() === props.message.message_id;
  const mentionsMe = () =>
    props.message.sender_id !== myId() &&
    props.message.mentions.some((m) => m.kind !== "user" || m.user_id === myId());
  const permalink = () => {
    const { message } = props;
    return href({ workspace: workspaceId(), channel: message.channel_id, message: message.message_id });
  };
  return (
    <article
      class="message"
      classList={{
        "message-head": props.head,
        "message-highlighted": props.highlighted === true,
        "message-mentions-me": mentionsMe(),
        "message-editing": isEditing(),
        "message-menu-open": menuOpen(),
      }}
      data-testid="message"
      tabIndex={-1}
      data-message-id={props.message.message_id}
      aria-label={`${name()}, ${clock(props.message.timestamp)}`}
      onPointerEnter={() => setHovered(true)}
      onPointerLeave={() => setHovered(false)}
      onFocusIn={() => setHovered(true)}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setHovered(false);
      }}
    >
      <div class="message-gutter">
        <Show
          when={props.head}
          fallback={
            <a
              class="gutter-time"
              href={permalink()}
              tabIndex={-1}
              title={full(props.message.timestamp)}
              onClick={(event) => follow(event, permalink())}
            >
              {gutterClock(props.message.timestamp)}
            </a>
          }
        >
          <Avatar id={props.message.sender_id} name={name()} bot={isBot()} />
        </Show>
      </div>
      <div class="message-main">
        <Show when={props.head}>
          <header class="message-meta">
            <button
              type="button"
              class="message-sender"
              aria-haspopup="dialog"
              onClick={(event) =>
                showProfile({
                  anchor: event.currentTarget,
                  userId: props.message.sender_id,
                  workspaceId: workspaceId(),
                })
              }
            >
              {name()}
            </button>
            <Show when={isBot()}>
              <span class="tag">{t("Bot")}</span>
            </Show>
            <a
              class="message-time"
              href={permalink()}
              title={full(props.message.timestamp)}
              onClick={(event) => follow(event, permalink())}
            >
              <time dateTime={new Date(props.message.timestamp).toISOString()}>
                {clock(props.message.timestamp)}
              </time>
            </a>
          </header>
        </Show>
        <Show when={pinOf(props.message)}>
          {(pin) => (
            <p class="pinned-by">
              <Icon name="pin" size={13} />{" "}
              {pin().pinned_by === myId()
                ? t("Pinned by you")
                : t("Pinned by {name}", { name: nameOf(workspaceId(), pin().pinned_by) })}
            </p>
          )}
        </Show>
        <Show when={!props.inThread && props.message.thread_id}>
          <a
            class="replied-to"
            href={threadLink(props.message)}
            onClick={(event) => follow(event, threadLink(props.message))}
          >
            <Icon name="thread" size={14} /> {t("replied to a thread")}
          </a>
        </Show>
        <Show
          when={!isEditing()}
          fallback={
            <Composer
              channelId={props.message.channel_id}
              mode="edit"
              label={t("Edit message")}
              initial={props.message.text}
              autofocus
              onSubmit={async (text) => {
                if (text === props.message.text || (await editMessage(props.message, text))) setEditing(null);
              }}
              onCancel={() => setEditing(null)}
            />
          }
        >
          <Show
            when={!props.message.deleted}
            fallback={<p class="tombstone">{t("This message was deleted.")}</p>}
          >
            <MessageBody message={props.message} />
            <Show when={props.message.files?.length ? props.message.files : null}>
              {(files) => <MessageFiles files={files()} />}
            </Show>
            <Show when={props.message.html?.includes('<a href="http')}>
              <LinkCards message={props.message} />
            </Show>
            <Show when={props.message.quote}>
              {(quote) => <QuoteCard quote={quote()} workspaceId={workspaceId()} />}
            </Show>
            <Show when={props.message.edited_at}>
              {(at) => (
                <button
                  type="button"
                  class="edited"
                  title={t("Edited {time}", { time: full(at()) })}
                  aria-label={t("Edited. Show the history")}
                  onClick={() => openDialog({ name: "versions", messageId: props.message.message_id })}
                >
                  {t("(edited)")}
                </button>
              )}
            </Show>
          </Show>
        </Show>
        <Reactions message={props.message} canReact={canAct()} />
        <Show when={!props.inThread && props.message.reply_count > 0}>
          <a
            class="thread-link"
            data-testid="thread-link"
            href={threadLink(props.message)}
            onClick={(event) => follow(event, threadLink(props.message))}
          >
            <Icon name="thread" size={15} />
            <strong>{tn("{count} reply", "{count} replies", props.message.reply_count)}</strong>
            <Show when={props.message.last_reply_at}>
              {(at) => <span class="muted">{t("Last reply {ago}", { ago: ago(at(), now()) })}</span>}
            </Show>
          </a>
        </Show>
      </div>
      <Show when={(hovered() || menuOpen()) && !isEditing() && !props.message.deleted}>
        <Toolbar
          message={props.message}
          canAct={canAct()}
          inThread={props.inThread === true}
          onMenu={setMenuOpen}
        />
      </Show>
    </article>
  );
}

function Toolbar(props: {
  message: Message;
  canAct: boolean;
  inThread: boolean;
  onMenu: (open: boolean) => void;
}): JSX.Element {
  const channel = () => state.channels[props.message.channel_id];
  const mine = () => props.message.sender_id === myId();
  const workspace = () => state.workspaces[state.channels[props.message.channel_id]?.workspace_id ?? ""];
  const canDelete = () => mine() || workspace()?.role === "owner" || workspace()?.role === "admin";
  const parent = () => props.message.thread_id ?? props.message.message_id;
  const saved = () => state.saved[props.message.message_id] ?? false;
  return (
    <div class="toolbar" role="toolbar" aria-label={t("Message actions")}>
      <Show when={props.canAct}>
        <button
          type="button"
          class="tool"
          aria-label={t("Add a reaction")}
          data-tip={t("React")}
          onClick={(event) =>
            pickEmoji({
              anchor: event.currentTarget.closest("article") ?? event.currentTarget,
              pick: (emoji) => void toggleReaction(props.message, emoji, true),
            })
          }
        >
          <Icon name="smilePlus" />
        </button>
      </Show>
      <Show when={!props.inThread}>
        <button
          type="button"
          class="tool"
          aria-label={t("Reply in thread")}
          data-tip={t("Reply in thread")}
          onClick={() => openThreadOf(props.message)}
        >
          <Icon name="thread" />
        </button>
      </Show>
      <button
        type="button"
        class="tool"
        aria-label={t("Forward message")}
        data-tip={t("Forward")}
        onClick={() => openDialog({ name: "forward", messageId: props.message.message_id })}
      >
        <Icon name="forward" />
      </button>
      <Show when={mine() && props.canAct}>
        <button
          type="button"
          class="tool"
          aria-label={t("Edit message")}
          data-tip={t("Edit")}
          onClick={() => setEditing(props.message.message_id)}
        >
          <Icon name="edit" />
        </button>
      </Show>
      <button
        type="button"
        class="tool"
        classList={{ "tool-starred": saved() }}
        aria-label={saved() ? t("Remove from saved") : t("Save for later")}
        aria-pressed={saved()}
        data-tip={saved() ? t("Saved") : t("Save for later")}
        onClick={() => void toggleSaved(props.message)}
      >
        <Icon name="bookmark" />
      </button>
      <DropdownMenu modal={false} onOpenChange={props.onMenu} placement="bottom-end" gutter={4}>
        <DropdownMenu.Trigger class="tool" aria-label={t("More actions")} data-tip={t("More")}>
          <Icon name="dots" />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content class="menu">
            <DropdownMenu.Item class="menu-item" onSelect={() => void copyLink(props.message)}>
              <Icon name="link" size={16} /> {t("Copy link")}
            </DropdownMenu.Item>
            <DropdownMenu.Item
              class="menu-item"
              onSelect={() => void copyText(props.message.text).then(() => toast(t("Text copied.")))}
            >
              <Icon name="copy" size={16} /> {t("Copy text")}
            </DropdownMenu.Item>
            <Show when={channel()?.is_member}>
              <DropdownMenu.Item class="menu-item" onSelect={() => void markUnread(props.message)}>
                <Icon name="message" size={16} /> {t("Mark unread from here")}
              </DropdownMenu.Item>
            </Show>
            <DropdownMenu.Item
              class="menu-item"
              onSelect={() => void setFollowing(parent(), !state.following[parent()])}
            >
              <Icon name={state.following[parent()] ? "bellOff" : "bell"} size={16} />
              {state.following[parent()] ? t("Unfollow thread") : t("Follow thread")}
            </DropdownMenu.Item>
            <DropdownMenu.Item
              class="menu-item"
              onSelect={() => openDialog({ name: "remind", messageId: props.message.message_id })}
            >
              <Icon name="clock" size={16} /> {t("Remind me…")}
            </DropdownMenu.Item>
            <Show when={props.canAct}>
              <DropdownMenu.Item
                class="menu-item"
                onSelect={() => void setPinned(props.message, !isPinned(props.message))}
              >
                <Icon name="pin" size={16} /> {isPinned(props.message) ? t("Unpin") : t("Pin to the channel")}
              </DropdownMenu.Item>
            </Show>
            <Show when={props.message.reactions.length > 0}>
              <DropdownMenu.Item
                class="menu-item"
                onSelect={() => openDialog({ name: "reactions", messageId: props.message.message_id })}
              >
                <Icon name="smile" size={16} /> {t("Who reacted")}
              </DropdownMenu.Item>
            </Show>
            <Show when={props.message.edited_at}>
              <DropdownMenu.Item
                class="menu-item"
                onSelect={() => openDialog({ name: "versions", messageId: props.message.message_id })}
              >
                <Icon name="history" size={16} /> {t("Edit history")}
              </DropdownMenu.Item>
            </Show>
            <Show when={canDelete() && props.canAct}>
              <DropdownMenu.Separator class="menu-line" />
              <DropdownMenu.Item
                class="menu-item menu-item-danger"
                onSelect={() => openDialog({ name: "delete-message", messageId: props.message.message_id })}
              >
                <Icon name="trash" size={16} /> {t("Delete message")}
              </DropdownMenu.Item>
            </Show>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu>
    </div>
  );
}

function PendingFiles(props: { entry: OutboxEntry }): JSX.Element {
  const count = () => props.entry.file_ids?.length ?? 0;
  return (
    <Show when={count() > 0}>
      <ul class="pending-files" aria-label={t("Files to send")} data-testid="pending-files">
        <For
          each={props.entry.file_names ?? []}
          fallback={<li>{tn("{count} file", "{count} files", count())}</li>}
        >
          {(name) => (
            <li dir="auto">
              <Icon name="paperclip" size={13} />
              {name}
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

export function PendingRow(props: { id: string; head: boolean }): JSX.Element {
  const pending = () => state.pending[props.id];
  return (
    <Show when={pending()}>
      {(found) => (
        <article
          class="message message-pending"
          classList={{ "message-head": props.head, "message-failed": found().state === "failed" }}
          data-testid="pending-message"
          data-state={found().state}
          aria-label={found().state === "failed" ? t("Not sent") : t("Being sent")}
        >
          <div class="message-gutter">
            <Show when={props.head}>
              <Avatar id={myId()} name={state.me?.name ?? ""} />
            </Show>
          </div>
          <div class="message-main">
            <Show when={props.head}>
              <header class="message-meta">
                <span class="message-sender">{state.me?.name}</span>
                <span class="message-time">{clock(found().entry.created_at)}</span>
              </header>
            </Show>
            <Show when={found().entry.text}>
              <div class="message-body message-body-plain" dir="auto">
                {found().entry.text}
              </div>
            </Show>
            <PendingFiles entry={found().entry} />
            <Show
              when={found().state === "failed"}
              fallback={
                <Show when={found().state === "queued"}>
                  <span class="pending-note">
                    <Icon name="clock" size={13} />
                    {state.connection.name === "open"
                      ? t("Sending…")
                      : t("Will be sent when you are back online")}
                  </span>
                </Show>
              }
            >
              <div class="failed-note" role="alert">
                <Icon name="warning" size={14} />
                <span>
                  {found().error ? t("Not sent: {reason}", { reason: found().error ?? "" }) : t("Not sent.")}
                </span>
                <button type="button" class="link-button" onClick={() => socket.retry(props.id)}>
                  {t("Try again")}
                </button>
                <button type="button" class="link-button" onClick={() => socket.discard(props.id)}>
                  {t("Discard")}
                </button>
              </div>
            </Show>
          </div>
        </article>
      )}
    </Show>
  );
}
