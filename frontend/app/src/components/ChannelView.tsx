import type { Channel, Id } from "@slackclone/client";
import {
  createEffect,
  createSignal,
  type JSX,
  lazy,
  Match,
  on,
  onCleanup,
  Show,
  Suspense,
  Switch,
} from "solid-js";
import { t, tnode } from "../i18n";
import { href, navigate, route } from "../router";
import { lookAt } from "../state/channels";
import { isStarred, toggleStar } from "../state/desk";
import { isMuted } from "../state/notify";
import { loadPins } from "../state/pins";
import { canPost, isDirect, labelOf, memberOf, myId, partnersOf, state, titleOf } from "../state/store";
import { toastError } from "../state/toasts";
import { dialog, isPhone, openDialog, setEditing } from "../state/ui";
import { joinChannel, sendMessage, visitChannel } from "../state/verbs";
import { socket } from "../state/wire";
import { ChannelGlyph } from "./ChannelGlyph";
import { Composer } from "./Composer";
import { Icon } from "./Icon";
import { ThreadPane } from "./ThreadPane";
import { Skeleton, Timeline } from "./Timeline";
import { TypingLine } from "./TypingLine";
import { ViewHead } from "./ViewHead";

const CanvasPane = lazy(() => import("../canvas/CanvasPane"));

export function ChannelView(): JSX.Element {
  const [missing, setMissing] = createSignal<Id | null>(null);
  const channel = () => {
    const id = route().channel;
    return id ? state.channels[id] : undefined;
  };

  createEffect(
    on([() => route().channel, () => channel() === undefined], ([id, unknown]) => {
      if (!id || !unknown) return;
      setMissing(null);
      void visitChannel(id).then((found) => {
        if (!found) setMissing(id);
      });
    }),
  );

  // A public channel can be read before it is joined; its events are followed while it is looked at.
  createEffect(
    on([() => channel()?.id, () => channel()?.is_member], () => {
      const shown = channel();
      if (!shown) return;
      socket.subscribe({ [shown.stream]: shown.seq });
      lookAt(shown.id);
      loadPins(shown.id);
      if (shown.is_member) return;
      onCleanup(() => {
        if (!state.channels[shown.id]?.is_member) socket.unsubscribe([shown.stream]);
      });
    }),
  );

  return (
    <Switch fallback={<Skeleton />}>
      <Match when={channel()}>{(found) => <Shown channel={found()} />}</Match>
      <Match when={missing() !== null && missing() === route().channel}>
        <main class="main empty" id="main">
          <h2>{t("This channel can't be found")}</h2>
          <p class="muted">{t("It may be gone, or it is private and you are not in it.")}</p>
          <button
            type="button"
            class="btn"
            onClick={() => navigate(href({ workspace: route().workspace ?? "" }), { replace: true })}
          >
            {t("Back to the workspace")}
          </button>
        </main>
      </Match>
    </Switch>
  );
}

function Shown(props: { channel: Channel }): JSX.Element {
  const thread = () => route().thread;
  return (
    <>
      <main class="main" id="main" aria-label={labelOf(props.channel)} data-testid="channel-view">
        <ChannelHeader channel={props.channel} />
        <Timeline channel={props.channel} around={thread() === null ? route().message : null} />
        <Foot channel={props.channel} />
      </main>
      <Show when={thread()} keyed>
        {(id) => <ThreadPane parentId={id} channelId={props.channel.id} onBackLabel={t("Close thread")} />}
      </Show>
      <Show when={route().canvas ? props.channel.id : null} keyed>
        {(_id) => (
          <Suspense fallback={<aside class="thread" aria-label={t("Canvas")} aria-busy="true" />}>
            <CanvasPane channel={props.channel} />
          </Suspense>
        )}
      </Show>
    </>
  );
}

function ChannelHeader(props: { channel: Channel }): JSX.Element {
  const partner = () => (props.channel.kind === "dm" ? (partnersOf(props.channel)[0] ?? "") : "");
  const starred = () => isStarred(props.channel.workspace_id, props.channel.id);
  const handle = () => memberOf(props.channel.workspace_id, partner())?.handle;
  return (
    <ViewHead>
      <div class="channel-head-text">
        <h1>
          <button
            type="button"
            class="channel-name"
            data-testid="channel-name"
            title={t("Show the details")}
            onClick={() => openDialog({ name: "channel", channelId: props.channel.id, tab: "about" })}
          >
            <ChannelGlyph channel={props.channel} />
            <span class="clip">{titleOf(props.channel)}</span>
            <Icon name="chevronDown" size={14} class="faint" />
          </button>
        </h1>
        <Show when={props.channel.archived}>
          <span class="tag">{t("Archived")}</span>
        </Show>
        <Show
          when={!isDirect(props.channel)}
          fallback={<span class="topic clip">{handle() && `@${handle()}`}</span>}
        >
          <button
            type="button"
            class="topic clip"
            data-testid="channel-topic"
            onClick={() => openDialog({ name: "channel", channelId: props.channel.id, tab: "about" })}
          >
            {props.channel.topic || (props.channel.is_member && !isPhone() ? t("Add a topic") : "")}
          </button>
        </Show>
      </div>
      <button
        type="button"
        class="tool"
        aria-label={starred() ? t("Unstar") : t("Star")}
        aria-pressed={starred()}
        data-tip={starred() ? t("Unstar") : t("Star")}
        data-tip-side="bottom"
        data-testid="star"
        classList={{ "tool-starred": starred() }}
        onClick={() => void toggleStar(props.channel.workspace_id, props.channel.id)}
      >
        <Icon name="star" />
      </button>
      <Show when={(state.pins[props.channel.id]?.length ?? 0) > 0}>
        <button
          type="button"
          class="btn btn-sm head-members"
          aria-label={`${state.pins[props.channel.id]?.length} pinned`}
          data-testid="channel-pins"
          onClick={() => openDialog({ name: "pins", channelId: props.channel.id })}
        >
          <Icon name="pin" size={16} /> {state.pins[props.channel.id]?.length}
        </button>
      </Show>
      <button
        type="button"
        class="tool"
        aria-label={t("Canvas")}
        data-tip={t("Canvas")}
        aria-pressed={route().canvas}
        data-testid="channel-canvas"
        onClick={() =>
          navigate(
            href({
              workspace: props.channel.workspace_id,
              channel: props.channel.id,
              canvas: !route().canvas,
            }),
          )
        }
      >
        <Icon name="canvas" />
      </button>
      <Show when={props.channel.is_member}>
        <button
          type="button"
          class="tool"
          aria-label={isMuted(props.channel.id) ? t("Notifications: muted") : t("Notifications")}
          data-tip={t("Notifications")}
          data-tip-side="bottom"
          data-testid="channel-bell"
          onClick={() => openDialog({ name: "channel-notifications", channelId: props.channel.id })}
        >
          <Icon name={isMuted(props.channel.id) ? "bellOff" : "bell"} size={17} />
        </button>
      </Show>
      <Show when={props.channel.kind !== "dm"}>
        <button
          type="button"
          class="btn btn-sm head-members"
          aria-label={`${props.channel.member_count} members`}
          data-testid="channel-members"
          onClick={() => openDialog({ name: "channel", channelId: props.channel.id, tab: "members" })}
        >
          <Icon name="users" size={16} /> {props.channel.member_count}
        </button>
      </Show>
    </ViewHead>
  );
}

function Foot(props: { channel: Channel }): JSX.Element {
  const [busy, setBusy] = createSignal(false);
  const run = async (action: () => Promise<unknown>) => {
    setBusy(true);
    await action().catch(toastError);
    setBusy(false);
  };
  const editLast = () => {
    const ids = state.timelines[props.channel.id]?.ids ?? [];
    const last = ids.findLast((id) => {
      const message = state.messages[id];
      return message?.sender_id === myId() && !message.deleted;
    });
    if (last) setEditing(last);
  };
  return (
    <Switch>
      <Match when={props.channel.archived}>
        <div class="foot-note">
          <Icon name="archive" size={18} />
          <span>{t("This channel is archived. It can be read, but nothing new can be posted.")}</span>
        </div>
      </Match>
      <Match when={!props.channel.is_member}>
        <div class="foot-note">
          <span>
            {tnode("You are looking at {channel}", { channel: <strong>#{props.channel.name}</strong> })}
          </span>
          <button
            type="button"
            class="btn btn-sm btn-primary"
            disabled={busy()}
            onClick={() => void run(() => joinChannel(props.channel))}
          >
            {t("Join channel")}
          </button>
        </div>
      </Match>
      <Match when={!canPost(props.channel)}>
        <div class="foot-note" data-testid="announcements">
          <Icon name="lock" size={18} />
          <span>{t("This channel is for announcements: admins post here. You can reply in threads.")}</span>
        </div>
      </Match>
      <Match when={true}>
        <Show when={props.channel.id} keyed>
          {(id) => (
            <Composer
              channelId={id}
              mode="channel"
              label={t("Message {channel}", { channel: labelOf(props.channel) })}
              placeholder={t("Message {channel}", { channel: labelOf(props.channel) })}
              onSchedule={(text, sent) =>
                openDialog({ name: "schedule", channelId: id, threadId: null, text, sent })
              }
              autofocus={!isPhone() && route().thread === null && dialog() === null}
              onSubmit={(text, files) => sendMessage({ channel_id: id, text, ...files })}
              onEditLast={editLast}
              footer={<TypingLine workspaceId={props.channel.workspace_id} channelId={id} />}
            />
          )}
        </Show>
      </Match>
    </Switch>
  );
}

/** A workspace without a channel in the address: the one visited last, or any. */
export function Landing(props: { workspaceId: Id }): JSX.Element {
  return (
    <main class="main empty" id="main">
      <div class="empty-art">
        <Icon name="message" size={34} />
      </div>
      <h2>{t("Nothing to show yet")}</h2>
      <p class="muted">{t("Join a channel, or write to somebody.")}</p>
      <div class="intro-actions">
        <button type="button" class="btn" onClick={() => openDialog({ name: "browse-channels" })}>
          <Icon name="hash" size={16} /> {t("Browse channels")}
        </button>
        <button type="button" class="btn btn-primary" onClick={() => openDialog({ name: "new-dm" })}>
          <Icon name="compose" size={16} /> {t("New message")}
        </button>
      </div>
      <Show when={state.workspaces[props.workspaceId]?.role === "guest"}>
        <p class="hint">{t("You are a guest here: ask whoever invited you to add you to a channel.")}</p>
      </Show>
    </main>
  );
}
