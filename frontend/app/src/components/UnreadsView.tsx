import type { Channel, Id } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, on, Show } from "solid-js";
import { t, tn } from "../i18n";
import { follow, href } from "../router";
import { markAllRead, markReadByHand, readUpTo, unreadOf } from "../state/reads";
import { labelOf, myId, state } from "../state/store";
import { unreadMessages } from "../state/timelines";

import { myChannels } from "../state/verbs";
import { Icon } from "./Icon";
import { MessageRow } from "./MessageRow";
import { Skeleton } from "./Timeline";
import { ViewHead, ViewTitle } from "./ViewHead";

const SHOWN_MAX = 20;

/** Everything unread, channel by channel. What is here stays until one leaves, so that nothing jumps away while one reads. */
export default function UnreadsView(props: { workspaceId: Id }): JSX.Element {
  const waiting = () => {
    const { rooms, direct } = myChannels(props.workspaceId);
    return [...direct, ...rooms].filter((channel) => unreadOf(channel) > 0).map((channel) => channel.id);
  };
  const [ids, setIds] = createSignal<Id[]>([]);
  createEffect(on([() => props.workspaceId, () => state.loaded[props.workspaceId]], () => setIds(waiting())));
  createEffect(() => {
    const added = waiting().filter((id) => !ids().includes(id));
    if (added.length > 0) setIds((known) => [...known, ...added]);
  });
  const left = () => ids().filter((id) => state.channels[id]);
  return (
    <main class="main" id="main" aria-label={t("Unreads")} data-testid="unreads-view">
      <ViewHead>
        <ViewTitle title={t("Unreads")} />
        <Show when={waiting().length > 0}>
          <button type="button" class="btn btn-sm" onClick={() => void markAllRead(props.workspaceId)}>
            <Icon name="check" size={16} /> {t("Mark all as read")}
          </button>
        </Show>
      </ViewHead>
      <div class="threads-list">
        <Show when={state.loaded[props.workspaceId]} fallback={<Skeleton rows={5} />}>
          <For
            each={left()}
            fallback={
              <div class="empty">
                <div class="empty-art">
                  <Icon name="check" size={34} />
                </div>
                <h2>{t("You have read everything")}</h2>
                <p class="muted">{t("New messages from all your channels are gathered here.")}</p>
              </div>
            }
          >
            {(id) => <Show when={state.channels[id]}>{(channel) => <Unread channel={channel()} />}</Show>}
          </For>
        </Show>
      </div>
    </main>
  );
}

function Unread(props: { channel: Channel }): JSX.Element {
  const from = readUpTo(props.channel.id) ?? 0;
  const [found, setFound] = createSignal<Id[] | null>(null);
  const [failed, setFailed] = createSignal(false);
  createEffect(
    on(
      () => props.channel.count,
      () => {
        setFailed(false);
        unreadMessages(props.channel.id, from, SHOWN_MAX).then(setFound, () => setFailed(true));
      },
    ),
  );
  const shown = () =>
    (found() ?? []).filter((id) => !state.messages[id]?.deleted && state.messages[id]?.sender_id !== myId());
  const to = () => href({ workspace: props.channel.workspace_id, channel: props.channel.id });
  const rest = () => unreadOf(props.channel) - shown().length;
  const done = () => unreadOf(props.channel) === 0;
  return (
    <section class="thread-card" classList={{ "unread-done": done() }} aria-label={labelOf(props.channel)}>
      <header class="unread-head">
        <a href={to()} onClick={(event) => follow(event, to())}>
          <strong>{labelOf(props.channel)}</strong>
        </a>
        <span class="muted">
          {done() ? t("read") : tn("{count} new", "{count} new", unreadOf(props.channel))}
        </span>
        <Show when={!done()}>
          <button type="button" class="btn btn-sm btn-ghost" onClick={() => markReadByHand(props.channel.id)}>
            <Icon name="check" size={15} /> {t("Mark as read")}
          </button>
        </Show>
      </header>
      <Show when={!failed()} fallback={<p class="muted">{t("The messages did not load.")}</p>}>
        <Show when={found()} fallback={<Skeleton rows={2} />}>
          <For each={shown()}>{(id) => <MessageRow id={id} head />}</For>
          <Show when={rest() > 0 && !done()}>
            <a class="thread-link" href={to()} onClick={(event) => follow(event, to())}>
              {t("{rest} more in {channel}", { rest: rest(), channel: labelOf(props.channel) })}
            </a>
          </Show>
        </Show>
      </Show>
    </section>
  );
}
