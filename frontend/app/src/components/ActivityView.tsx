import type { Happening, Id } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, on, Show } from "solid-js";
import { t, tn } from "../i18n";
import { labelOf, nameOf, state } from "../state/store";
import { showMessages } from "../state/timelines";
import { now } from "../state/ui";
import { goTo, openThreadOf, visitChannel } from "../state/verbs";
import { rest } from "../state/wire";
import { ago } from "../text/time";
import { Icon } from "./Icon";
import { MessageRow } from "./MessageRow";
import { Skeleton } from "./Timeline";
import { ViewHead, ViewTitle } from "./ViewHead";

const FILTERS = ["mentions", "threads", "reactions"] as const;
type Filter = (typeof FILTERS)[number];
const TITLES: Record<Filter, () => string> = {
  mentions: () => t("Mentions"),
  threads: () => t("Threads"),
  reactions: () => t("Reactions"),
};
const EMPTY: Record<Filter, () => string> = {
  mentions: () => t("When somebody mentions you, it shows up here."),
  threads: () => t("Threads that you start, answer or follow are gathered here."),
  reactions: () => t("When somebody reacts to what you wrote, it shows up here."),
};

/** What others did that concerns the reader. */
export default function ActivityView(props: { workspaceId: Id }): JSX.Element {
  const [filter, setFilter] = createSignal<Filter>("mentions");
  const [items, setItems] = createSignal<Happening[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const [status, setStatus] = createSignal<"loading" | "ready" | "error">("loading");
  let asked = 0;

  const load = async (more: boolean) => {
    asked += 1;
    const mine = asked;
    const cursor = more ? next() : null;
    if (!more) {
      setItems([]);
      setStatus("loading");
    }
    try {
      const page = await rest.workspaces.activity(props.workspaceId, {
        filter: filter(),
        ...(cursor === null ? {} : { cursor }),
      });
      if (mine !== asked) return;
      showMessages(page.results.map((happening) => happening.message));
      for (const { message } of page.results)
        if (!state.channels[message.channel_id]) void visitChannel(message.channel_id);
      setItems((known) => (more ? [...known, ...page.results] : page.results));
      setNext(page.next_cursor);
      setStatus("ready");
    } catch {
      if (mine === asked) setStatus("error");
    }
  };
  createEffect(on([() => props.workspaceId, filter], () => void load(false)));

  const open = (happening: Happening) => {
    const channel = state.channels[happening.message.channel_id];
    if (!channel) return;
    if (happening.kind === "thread" || happening.message.thread_id !== null) openThreadOf(happening.message);
    else goTo(channel, happening.message.message_id);
  };
  const what = (happening: Happening): string => {
    const name = nameOf(props.workspaceId, happening.actor_id);
    if (happening.kind === "reaction")
      return t("{name} reacted with {emoji}", { name, emoji: happening.emoji ?? "" });
    if (happening.kind === "mention") return t("{name} mentioned you", { name });
    return happening.unread ? tn("{count} new reply", "{count} new replies", happening.unread) : t("Thread");
  };

  return (
    <main class="main" id="main" aria-label={t("Activity")} data-testid="activity-view">
      <ViewHead>
        <ViewTitle title={t("Activity")} />
      </ViewHead>
      <div class="activity-filters" role="group" aria-label={t("Show")}>
        <For each={FILTERS}>
          {(one) => (
            <button
              type="button"
              class="btn btn-sm"
              classList={{ "btn-primary": filter() === one }}
              aria-pressed={filter() === one}
              onClick={() => setFilter(one)}
            >
              {TITLES[one]()}
            </button>
          )}
        </For>
      </div>
      <div class="threads-list">
        <Show when={status() !== "loading"} fallback={<Skeleton rows={5} />}>
          <Show
            when={status() !== "error"}
            fallback={
              <div class="empty">
                <h2>{t("This did not load")}</h2>
                <button type="button" class="btn" onClick={() => void load(false)}>
                  <Icon name="refresh" size={16} /> {t("Try again")}
                </button>
              </div>
            }
          >
            <For
              each={items()}
              fallback={
                <div class="empty">
                  <div class="empty-art">
                    <Icon name="at" size={34} />
                  </div>
                  <h2>{t("Nothing yet")}</h2>
                  <p class="muted">{EMPTY[filter()]()}</p>
                </div>
              }
            >
              {(happening) => (
                <section class="thread-card" classList={{ "activity-unread": (happening.unread ?? 0) > 0 }}>
                  <header class="unread-head">
                    <strong>{what(happening)}</strong>
                    <span class="muted">
                      <Show when={state.channels[happening.message.channel_id]}>
                        {(channel) => labelOf(channel())}
                      </Show>{" "}
                      {ago(happening.at, now())}
                    </span>
                    <button type="button" class="btn btn-sm btn-ghost" onClick={() => open(happening)}>
                      {t("Show")}
                    </button>
                  </header>
                  <MessageRow id={happening.message.message_id} head />
                </section>
              )}
            </For>
            <Show when={next()}>
              <button type="button" class="btn btn-block" onClick={() => void load(true)}>
                {t("Show more")}
              </button>
            </Show>
          </Show>
        </Show>
      </div>
    </main>
  );
}
