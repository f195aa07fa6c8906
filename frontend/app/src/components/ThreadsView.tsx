import type { Id } from "@slackclone/client";
import { createEffect, createMemo, For, type JSX, on, Show } from "solid-js";
import { t, tn } from "../i18n";
import { route } from "../router";
import { labelOf, state } from "../state/store";
import { unreadFirst } from "../state/threads";
import { loadFollowed } from "../state/timelines";
import { now } from "../state/ui";
import { openThreadOf, visitChannel } from "../state/verbs";
import { ago } from "../text/time";
import { Icon } from "./Icon";
import { MessageRow } from "./MessageRow";
import { ThreadPane } from "./ThreadPane";
import { Skeleton } from "./Timeline";
import { ViewHead, ViewTitle } from "./ViewHead";

export function ThreadsView(props: { workspaceId: Id }): JSX.Element {
  const followed = () => state.followed[props.workspaceId];
  const open = () => route().thread;
  const openChannel = () => {
    const id = open();
    return id ? state.messages[id]?.channel_id : undefined;
  };
  createEffect(
    on(
      () => props.workspaceId,
      (id) => void loadFollowed(id),
    ),
  );
  createEffect(() => {
    for (const { parent } of followed()?.items ?? []) {
      if (!state.channels[parent.channel_id]) void visitChannel(parent.channel_id);
    }
  });
  const unread = (id: Id) => (state.threadReads[id]?.unread ?? 0) > 0;
  /** What was unread since one came: it stays where it is, so that nothing jumps away while one reads. */
  const wasUnread = createMemo<ReadonlySet<Id>>((known) => {
    const ids = (followed()?.items ?? []).map((item) => item.parent.message_id);
    return new Set(ids.filter((id) => known.has(id) || unread(id)));
  }, new Set<Id>());
  const items = createMemo(() => unreadFirst(followed()?.items ?? [], wasUnread()));
  return (
    <>
      <main class="main" id="main" aria-label={t("Threads")}>
        <ViewHead>
          <ViewTitle title={t("Threads")} />
        </ViewHead>
        <div class="threads-list" data-testid="threads-list">
          <Show when={followed()?.status === "error"}>
            <div class="empty" role="alert">
              <p class="muted">{t("The threads could not be loaded.")}</p>
              <button type="button" class="btn" onClick={() => void loadFollowed(props.workspaceId)}>
                {t("Try again")}
              </button>
            </div>
          </Show>
          <Show when={followed()?.status !== "loading"} fallback={<Skeleton rows={5} />}>
            <For
              each={items()}
              fallback={
                <Show when={followed()?.status !== "error"}>
                  <div class="empty">
                    <div class="empty-art">
                      <Icon name="thread" size={34} />
                    </div>
                    <h2>{t("No threads yet")}</h2>
                    <p class="muted">{t("Threads that you start, answer or follow are gathered here.")}</p>
                  </div>
                </Show>
              }
            >
              {(item) => (
                <section
                  class="thread-card"
                  classList={{ "thread-card-open": open() === item.parent.message_id }}
                >
                  <header class="muted">
                    <Show when={state.channels[item.parent.channel_id]}>
                      {(channel) => labelOf(channel())}
                    </Show>{" "}
                    <Show when={unread(item.parent.message_id)}>
                      <span class="tag tag-accent">{t("unread")}</span>
                    </Show>
                  </header>
                  <MessageRow id={item.parent.message_id} head inThread />
                  <button type="button" class="thread-link" onClick={() => openThreadOf(item.parent)}>
                    <Icon name="thread" size={15} />
                    <strong>
                      {tn(
                        "{count} reply",
                        "{count} replies",
                        state.messages[item.parent.message_id]?.reply_count ?? item.reply_count,
                      )}
                    </strong>
                    <Show when={item.last_reply_at}>
                      {(at) => <span class="muted">{t("Last reply {ago}", { ago: ago(at(), now()) })}</span>}
                    </Show>
                  </button>
                </section>
              )}
            </For>
            <Show when={followed()?.next}>
              <button
                type="button"
                class="btn btn-block"
                onClick={() => void loadFollowed(props.workspaceId, true)}
              >
                {t("Show more")}
              </button>
            </Show>
          </Show>
        </div>
      </main>
      <Show when={open() && openChannel() ? open() : null} keyed>
        {(id) => <ThreadPane parentId={id} channelId={openChannel() ?? ""} onBackLabel={t("Close thread")} />}
      </Show>
    </>
  );
}
