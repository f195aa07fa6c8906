import type { Channel, Id } from "@slackclone/client";
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  Match,
  on,
  onCleanup,
  Show,
  Switch,
} from "solid-js";
import { unwrap } from "solid-js/store";
import { Virtualizer, type VirtualizerHandle } from "virtua/solid";
import { t, tn } from "../i18n";
import { href, navigate, visit } from "../router";
import { stepMessages } from "../state/keys";
import { firstUnread, letGo, readUpTo as markerOf, markRead, markReadByHand, unreadOf } from "../state/reads";
import { buildRows, type Row } from "../state/rows";
import { myId, nameOf, state, structure, titleOf } from "../state/store";
import { loadNewer, loadOlder, openTimeline, reloadTimeline, trimStart } from "../state/timelines";
import { editing, now, openDialog, pageActive } from "../state/ui";
import { date, dayName } from "../text/time";
import { ChannelGlyph } from "./ChannelGlyph";
import { Icon } from "./Icon";
import { MessageRow, PendingRow } from "./MessageRow";
import { NoticeRow } from "./NoticeRow";

const NEAR_EDGE_PX = 900;
const AT_END_PX = 48;
const SETTLE_FRAMES = 4;
const TRIM_FROM_ROWS = 650;

export function Timeline(props: { channel: Channel; around: Id | null }): JSX.Element {
  return (
    <Show when={props.channel.id} keyed>
      {(id) => <ChannelTimeline id={id} channel={props.channel} around={props.around} />}
    </Show>
  );
}

/** A day on top stays there when earlier messages of the same day come. */
const oldestOf = (rows: readonly Row[]): Row | undefined =>
  rows.find((row) => row.kind !== "day" && row.kind !== "intro");

function ChannelTimeline(props: { id: Id; channel: Channel; around: Id | null }): JSX.Element {
  let scroller!: HTMLDivElement;
  let list: VirtualizerHandle | undefined;
  const channelId = props.id;
  const timeline = () => state.timelines[channelId];
  const [atEnd, setAtEnd] = createSignal(true);
  const [missed, setMissed] = createSignal(0);
  const [highlighted, setHighlighted] = createSignal<Id | null>(null);
  const readOnOpening = unreadOf(props.channel) > 0 ? markerOf(channelId) : null;
  const [lineSeen, setLineSeen] = createSignal(false);
  const [readUpTo, setReadUpTo] = createSignal<number | null>(readOnOpening);
  let stuck = true;
  let frame = 0;

  let known = new Map<string, Row>();
  // What the list has taken in: several changes may come before it does.
  let taken: readonly Row[] = [];
  const view = createMemo<{ rows: Row[]; shift: boolean }>(
    () => {
      const run = timeline();
      if (run?.status !== "ready") {
        known = new Map();
        return { rows: [], shift: false };
      }
      structure();
      const all = unwrap(state.messages);
      const messages = run.ids.map((id) => all[id]).filter((message) => message !== undefined);
      const pending =
        run.newer === null
          ? Object.values(state.pending).filter(
              ({ entry }) => entry.channel_id === channelId && (!entry.thread_id || entry.also_in_channel),
            )
          : [];
      const rows = buildRows(
        {
          messages,
          notices: unwrap(run.notices),
          pending,
          complete: run.older === null,
          readUpTo: readUpTo(),
          me: myId(),
        },
        known,
      );
      const shift = taken.length > 0 && rows.at(-1) === taken.at(-1) && oldestOf(rows) !== oldestOf(taken);
      known = new Map(rows.map((row) => [row.key, row]));
      return { rows, shift };
    },
    { rows: [], shift: false },
  );

  createEffect(() => {
    taken = view().rows;
  });

  const toEnd = () => {
    const { rows } = view();
    if (list && list.scrollSize - list.scrollOffset - list.viewportSize < 1) return;
    if (rows.length > 0) list?.scrollToIndex(rows.length - 1, { align: "end" });
  };

  /** Rows get their heights only once they are on screen, so the end is aimed at for a few frames. */
  const settleAtEnd = () => {
    cancelAnimationFrame(frame);
    let left = SETTLE_FRAMES;
    const aim = () => {
      toEnd();
      left -= 1;
      if (left > 0 && stuck) frame = requestAnimationFrame(aim);
    };
    aim();
  };
  onCleanup(() => cancelAnimationFrame(frame));

  const settleAt = (key: string, align: "center" | "start") => {
    cancelAnimationFrame(frame);
    let left = SETTLE_FRAMES;
    const aim = () => {
      const index = view().rows.findIndex((row) => row.key === key);
      if (index >= 0) list?.scrollToIndex(index, { align, offset: align === "start" ? -80 : 0 });
      left -= 1;
      if (left > 0) frame = requestAnimationFrame(aim);
      else measure();
    };
    aim();
  };

  createEffect(
    on([() => props.around, visit], ([around]) => {
      void openTimeline(channelId, around).then(() => {
        if (!around || props.around !== around) return;
        stuck = false;
        setHighlighted(around);
        settleAt(`m:${around}`, "center");
      });
    }),
  );

  // The first look: at the first unread message, else at the end.
  let placed = false;
  let lastOffset = 0;
  createEffect(() => {
    if (view().rows.length === 0 || placed) return;
    placed = true;
    if (props.around) return;
    // At once: what is at the end is marked read, and nobody has seen the end yet.
    const unread = view().rows.some((row) => row.kind === "new") && opened() > 8;
    if (unread) {
      stuck = false;
      setAtEnd(false);
    }
    queueMicrotask(() => (unread ? settleAt("new", "start") : settleAtEnd()));
  });

  createEffect(
    on(view, ({ rows, shift }, before) => {
      const last = rows.at(-1);
      if (!before || shift || last === before.rows.at(-1) || !last) return;
      if (stuck || last.kind === "pending") {
        stuck = true;
        queueMicrotask(settleAtEnd);
        if (rows.length > TRIM_FROM_ROWS) setTimeout(() => stuck && trimStart(channelId), 500);
      } else if (last.kind === "message" && timeline()?.newer === null && before.rows.length > 0) {
        setMissed((n) => n + 1);
      }
    }),
  );

  // Composer growth and window changes must not push the newest message out of sight.
  createEffect(() => {
    const watch = new ResizeObserver(() => {
      if (stuck) toEnd();
    });
    watch.observe(scroller);
    onCleanup(() => watch.disconnect());
  });

  const measure = () => {
    if (!list) return;
    const line = view().rows.findIndex((row) => row.kind === "new");
    if (line >= 0 && list.getItemOffset(line) >= list.scrollOffset - 1) setLineSeen(true);
    const below = list.scrollSize - list.scrollOffset - list.viewportSize;
    const ended = timeline()?.newer === null && below < AT_END_PX;
    // What came since the end was aimed at makes the list longer and is aimed at next: only who goes up lets go of it.
    if (ended) stuck = true;
    else if (list.scrollOffset < lastOffset - 2) stuck = false;
    lastOffset = list.scrollOffset;
    setAtEnd(ended);
    if (ended) setMissed(0);
    if (list.scrollOffset < NEAR_EDGE_PX) void loadOlder(channelId);
    if (below < NEAR_EDGE_PX) void loadNewer(channelId);
  };

  createEffect(() => {
    if (atEnd() && pageActive() && timeline()?.status === "ready" && props.channel.count >= 0)
      markRead(channelId);
  });

  // The line stays while one looks, and is gone on the next visit.
  createEffect(
    on(pageActive, (active, was) => {
      if (active && was === false && unreadOf(props.channel) > 0) setReadUpTo(markerOf(channelId));
    }),
  );

  createEffect(() => {
    const id = editing();
    if (id && timeline()?.ids.includes(id)) queueMicrotask(() => stuck && settleAtEnd());
  });

  // Marked unread by hand, here or in another tab: the line goes there. Coming back to the channel reads it.
  createEffect(
    on(
      () => props.channel.marker?.version,
      (version, before) => {
        if (before !== undefined && version !== before) setReadUpTo(markerOf(channelId));
      },
    ),
  );
  letGo(channelId);
  onCleanup(() => letGo(channelId));

  const newLine = () => view().rows.find((row) => row.kind === "new");
  const [opened, setOpened] = createSignal(readOnOpening === null ? 0 : unreadOf(props.channel));
  const jumpToUnread = async () => {
    stuck = false;
    setLineSeen(true);
    if (newLine() || timeline()?.older === null) {
      settleAt("new", "start");
      return;
    }
    const first = await firstUnread(channelId, readUpTo() ?? 0);
    if (first) navigate(href({ workspace: props.channel.workspace_id, channel: channelId, message: first }));
  };
  const dismiss = () => {
    setOpened(0);
    markReadByHand(channelId);
  };

  const jumpToLatest = () => {
    stuck = true;
    setHighlighted(null);
    if (timeline()?.newer !== null) {
      void reloadTimeline(channelId).then(settleAtEnd);
      if (props.around) {
        navigate(href({ workspace: props.channel.workspace_id, channel: channelId }), { replace: true });
      }
    } else settleAtEnd();
  };

  return (
    <div class="timeline">
      <div
        class="timeline-scroll"
        ref={scroller}
        role="log"
        aria-label={t("Messages in {name}", { name: titleOf(props.channel) })}
        aria-live="polite"
        onKeyDown={stepMessages}
        aria-relevant="additions"
        aria-busy={timeline()?.status === "loading"}
        tabIndex={0}
        data-testid="timeline"
      >
        <Switch>
          <Match when={!timeline() || timeline()?.status === "loading"}>
            <Skeleton />
          </Match>
          <Match when={timeline()?.status === "error"}>
            <div class="empty">
              <h2>{t("The messages did not load")}</h2>
              <button type="button" class="btn" onClick={() => void openTimeline(channelId, props.around)}>
                <Icon name="refresh" size={16} /> {t("Try again")}
              </button>
            </div>
          </Match>
          <Match when={true}>
            <div class="timeline-spacer" />
            <Virtualizer
              ref={(handle) => {
                list = handle;
              }}
              data={view().rows}
              shift={view().shift}
              scrollRef={scroller}
              bufferSize={600}
              onScroll={measure}
              onResize={() => {
                if (stuck) toEnd();
              }}
            >
              {(row) => <RowView row={row} channel={props.channel} highlighted={highlighted()} />}
            </Virtualizer>
          </Match>
        </Switch>
      </div>
      <Show when={opened() > 0 && !lineSeen() && timeline()?.status === "ready"}>
        <div class="unread-bar" data-testid="unread-bar">
          <button type="button" onClick={() => void jumpToUnread()}>
            <Icon name="arrowDown" size={14} class="upwards" />
            {tn("{count} unread message", "{count} unread messages", opened())}
          </button>
          <button
            type="button"
            aria-label={t("Mark as read")}
            data-tip={t("Mark as read (Esc)")}
            onClick={dismiss}
          >
            <Icon name="x" size={14} />
          </button>
        </div>
      </Show>
      <Show when={timeline()?.busy === "older"}>
        <div class="timeline-busy" role="status">
          <span class="spinner" aria-hidden="true" /> {t("Loading earlier messages")}
        </div>
      </Show>
      <Show when={timeline()?.status === "ready" && !atEnd() && view().rows.length > 0}>
        <button type="button" class="jump" data-testid="jump-to-latest" onClick={jumpToLatest}>
          <Icon name="arrowDown" size={16} />
          {missed() > 0 ? tn("{count} new message", "{count} new messages", missed()) : t("Jump to latest")}
        </button>
      </Show>
    </div>
  );
}

function RowView(props: { row: Row; channel: Channel; highlighted: Id | null }): JSX.Element {
  const { row } = props;
  switch (row.kind) {
    case "message":
      return <MessageRow id={row.id} head={row.head} highlighted={props.highlighted === row.id} />;
    case "pending":
      return <PendingRow id={row.id} head={row.head} />;
    case "day":
      return (
        <div class="divider">
          <button
            type="button"
            class="divider-day"
            title={t("Jump to a date")}
            onClick={() => openDialog({ name: "jump-date", channelId: props.channel.id })}
          >
            {dayName(row.day, now())}
          </button>
        </div>
      );
    case "new":
      return (
        <div class="divider divider-new" role="separator" data-testid="new-line">
          <span>{t("New")}</span>
        </div>
      );
    case "notice":
      return <NoticeRow events={row.events} channel={props.channel} />;
    case "intro":
      return <Intro channel={props.channel} />;
  }
}

function Intro(props: { channel: Channel }): JSX.Element {
  const direct = () => props.channel.kind === "dm" || props.channel.kind === "group_dm";
  const creator = () => nameOf(props.channel.workspace_id, props.channel.creator_id);
  const born = () => date(props.channel.created_at);
  return (
    <div class="intro">
      <div class="intro-glyph">
        <ChannelGlyph channel={props.channel} />
      </div>
      <h2>{titleOf(props.channel)}</h2>
      <Show
        when={!direct()}
        fallback={
          <p class="muted">{t("This is the beginning of your conversation. Only its people can see it.")}</p>
        }
      >
        <p class="muted">
          {props.channel.kind === "private"
            ? t("{name} created this private channel on {date}.", { name: creator(), date: born() })
            : t("{name} created this channel on {date}.", { name: creator(), date: born() })}{" "}
          {props.channel.purpose || t("This is its very beginning.")}
        </p>
        <Show when={props.channel.is_member && !props.channel.archived}>
          <div class="intro-actions">
            <button
              type="button"
              class="btn btn-sm"
              onClick={() => openDialog({ name: "add-people", channelId: props.channel.id })}
            >
              <Icon name="userPlus" size={16} /> {t("Add people")}
            </button>
            <button
              type="button"
              class="btn btn-sm"
              onClick={() => openDialog({ name: "channel", channelId: props.channel.id, tab: "about" })}
            >
              <Icon name="edit" size={16} /> {t("Say what it is for")}
            </button>
          </div>
        </Show>
      </Show>
    </div>
  );
}

export function Skeleton(props: { rows?: number }): JSX.Element {
  return (
    <div class="skeletons" aria-hidden="true" data-testid="skeleton">
      <For each={Array.from({ length: props.rows ?? 9 }, (_, index) => index)}>
        {(index) => (
          <div class="skeleton-row">
            <span class="skeleton skeleton-avatar" />
            <div>
              <span class={`skeleton skeleton-name skeleton-w${(index * 7) % 3}`} />
              <span class={`skeleton skeleton-line skeleton-w${(index * 5) % 4}`} />
            </div>
          </div>
        )}
      </For>
    </div>
  );
}
