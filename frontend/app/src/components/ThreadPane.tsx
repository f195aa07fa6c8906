import type { Id } from "@slackclone/client";
import { createEffect, createMemo, createSignal, For, type JSX, on, onCleanup, Show } from "solid-js";
import { t, tn } from "../i18n";
import { follow, href, route } from "../router";
import { stepMessages } from "../state/keys";
import { markThreadRead } from "../state/reads";
import { type Known, myId, state, titleOf } from "../state/store";
import { loadMoreReplies, openThread } from "../state/timelines";
import { openDialog, pageActive, setEditing } from "../state/ui";
import { closeThread, sendMessage, setFollowing } from "../state/verbs";
import { Composer } from "./Composer";
import { Icon } from "./Icon";
import { MessageRow, PendingRow } from "./MessageRow";
import { Skeleton } from "./Timeline";
import { TypingLine } from "./TypingLine";

const GROUP_MS = 5 * 60_000;

export function ThreadPane(props: { parentId: Id; channelId: Id; onBackLabel: string }): JSX.Element {
  let scroller!: HTMLDivElement;
  const [alsoInChannel, setAlsoInChannel] = createSignal(false);
  const channel = () => state.channels[props.channelId];
  const thread = () => state.threads[props.parentId];
  const parent = () => state.messages[props.parentId];
  const replies = createMemo(() =>
    (thread()?.ids ?? [])
      .map((id) => state.messages[id])
      .filter((message): message is Known => message !== undefined && !message.deleted),
  );
  const pending = createMemo(() =>
    Object.values(state.pending).filter(({ entry }) => entry.thread_id === props.parentId),
  );
  let stuck = true;

  createEffect(
    on(
      [() => props.parentId, () => props.channelId, () => thread() === undefined],
      ([parentId, channelId]) => {
        void openThread(channelId, parentId);
      },
    ),
  );
  createEffect(
    on(
      () => props.parentId,
      () => {
        stuck = true;
        setAlsoInChannel(false);
      },
    ),
  );
  createEffect(
    on([() => replies().length, () => pending().length, () => thread()?.status], () => {
      if (stuck && !wanted()) requestAnimationFrame(() => scroller.scrollTo({ top: scroller.scrollHeight }));
    }),
  );

  /** The reply that the address names, once: then it is shown and marked. */
  const wanted = () => {
    const id = route().thread === props.parentId ? route().message : null;
    return id !== null && id !== props.parentId ? id : null;
  };
  createEffect(
    on([wanted, () => replies().length, () => thread()?.next], ([id, count, next]) => {
      if (!id || count === 0) return;
      const row = scroller.querySelector(`[data-message-id="${id}"]`);
      if (row) {
        stuck = false;
        requestAnimationFrame(() => row.scrollIntoView({ block: "center" }));
      } else if (next) void loadMoreReplies(props.channelId, props.parentId);
    }),
  );

  // Read once its end is looked at.
  const [atEnd, setAtEnd] = createSignal(true);
  createEffect(() => {
    const known = thread();
    const last = replies().at(-1)?.thread_n ?? 0;
    if (pageActive() && atEnd() && known?.status === "ready" && known.next === null)
      markThreadRead(props.channelId, props.parentId, last);
  });

  // Focus comes into the pane with it, and goes back to where it was.
  const from = document.activeElement;
  onCleanup(() => {
    if (from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true });
  });

  const isHead = (index: number): boolean => {
    const [a, b] = [replies()[index - 1], replies()[index]];
    return !a || !b || a.sender_id !== b.sender_id || b.timestamp - a.timestamp > GROUP_MS;
  };
  const followed = () => {
    const known = state.following[props.parentId];
    if (known !== undefined) return known;
    return parent()?.sender_id === myId() || replies().some((reply) => reply.sender_id === myId());
  };
  const editLast = () => {
    const last = replies().findLast((reply) => reply.sender_id === myId());
    if (last) setEditing(last.message_id);
  };

  return (
    <aside
      class="thread"
      aria-label={t("Thread")}
      data-testid="thread-pane"
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented) {
          event.stopPropagation();
          closeThread();
        }
      }}
    >
      <header class="pane-head">
        <div class="pane-title">
          <h2>{t("Thread")}</h2>
          <Show when={channel()}>
            {(found) => {
              const link = () =>
                href({ workspace: found().workspace_id, channel: found().id, message: props.parentId });
              return (
                <a class="muted" href={link()} onClick={(event) => follow(event, link())}>
                  {found().kind === "public" || found().kind === "private" ? "#" : ""}
                  {titleOf(found())}
                </a>
              );
            }}
          </Show>
        </div>
        <button
          type="button"
          class="btn btn-sm btn-ghost"
          aria-pressed={followed()}
          onClick={() => void setFollowing(props.parentId, !followed())}
        >
          <Icon name={followed() ? "bell" : "bellOff"} size={16} />
          {followed() ? t("Following") : t("Follow")}
        </button>
        <button type="button" class="tool" aria-label={props.onBackLabel} onClick={closeThread}>
          <Icon name="x" />
        </button>
      </header>
      <div
        class="thread-scroll"
        ref={scroller}
        role="log"
        onKeyDown={stepMessages}
        aria-label={t("Replies")}
        tabIndex={0}
        onScroll={() => {
          const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
          stuck = below < 60;
          setAtEnd(stuck);
          if (below < 600) void loadMoreReplies(props.channelId, props.parentId);
        }}
      >
        <Show when={parent()} fallback={<Skeleton rows={3} />}>
          <MessageRow id={props.parentId} head inThread />
          <Show when={thread()?.status === "error"}>
            <div class="empty">
              <p>{t("The replies did not load.")}</p>
              <button
                type="button"
                class="btn btn-sm"
                onClick={() => void openThread(props.channelId, props.parentId)}
              >
                {t("Try again")}
              </button>
            </div>
          </Show>
          <Show when={replies().length > 0}>
            <div class="thread-count" role="separator">
              <span>{tn("{count} reply", "{count} replies", parent()?.reply_count ?? replies().length)}</span>
            </div>
          </Show>
          <Show when={thread()?.status === "loading" && replies().length === 0}>
            <Skeleton rows={3} />
          </Show>
          <For each={replies()}>
            {(reply, index) => (
              <MessageRow
                id={reply.message_id}
                head={isHead(index())}
                inThread
                highlighted={wanted() === reply.message_id}
              />
            )}
          </For>
          <For each={pending().map((one) => one.entry.client_msg_id)}>
            {(id) => <PendingRow id={id} head />}
          </For>
        </Show>
      </div>
      <Show when={channel()?.is_member && !channel()?.archived && parent()}>
        <Composer
          channelId={props.channelId}
          mode="thread"
          label={t("Reply")}
          placeholder={t("Reply…")}
          threadId={props.parentId}
          onSchedule={(text, sent) =>
            openDialog({ name: "schedule", channelId: props.channelId, threadId: props.parentId, text, sent })
          }
          autofocus
          onSubmit={(text, files) => {
            stuck = true;
            const sent = sendMessage({
              channel_id: props.channelId,
              text,
              thread_id: props.parentId,
              ...files,
              ...(alsoInChannel() ? { also_in_channel: true } : {}),
            });
            if (sent) setAlsoInChannel(false);
            return sent;
          }}
          onEditLast={editLast}
          footer={
            <>
              <TypingLine
                workspaceId={channel()?.workspace_id ?? ""}
                channelId={props.channelId}
                threadId={props.parentId}
              />
              <label class="also">
                <input
                  type="checkbox"
                  checked={alsoInChannel()}
                  onChange={(event) => setAlsoInChannel(event.currentTarget.checked)}
                />
                {channel()?.name
                  ? t("Also send to {channel}", { channel: `#${channel()?.name}` })
                  : t("Also send to the conversation")}
              </label>
            </>
          }
        />
      </Show>
    </aside>
  );
}
