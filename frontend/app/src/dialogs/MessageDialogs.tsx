import type { Channel, Id, Message } from "@slackclone/client";
import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { ChannelGlyph } from "../components/ChannelGlyph";
import { EmojiGlyph } from "../components/EmojiGlyph";
import { MessageBody } from "../components/MessageBody";
import { t } from "../i18n";
import { setPinned } from "../state/pins";
import { labelOf, myId, nameOf, state, titleOf } from "../state/store";
import { toast } from "../state/toasts";
import { goTo, myChannels } from "../state/verbs";
import { rest } from "../state/wire";
import { full } from "../text/time";
import { dayInput, readInput } from "../text/when";
import { close, createForm, FormError, Modal } from "./parts";

const LISTED = 60;

export function Quoted(props: { message: Message }): JSX.Element {
  const workspaceId = () => state.channels[props.message.channel_id]?.workspace_id ?? "";
  const name = () => nameOf(workspaceId(), props.message.sender_id);
  return (
    <blockquote class="quoted">
      <Avatar id={props.message.sender_id} name={name()} size="sm" />
      <div>
        <strong>{name()}</strong>
        <MessageBody message={props.message} />
        <Show when={props.message.files?.length}>
          <p class="muted">{props.message.files?.map((file) => file.name).join(", ")}</p>
        </Show>
      </div>
    </blockquote>
  );
}

/** Where a message goes: a list to filter by typing, walked with the arrow keys. */
export function ChannelChooser(props: {
  workspaceId: Id;
  chosen: Channel | null;
  onChoose: (channel: Channel) => void;
}): JSX.Element {
  const [query, setQuery] = createSignal("");
  const [active, setActive] = createSignal(0);
  const found = createMemo(() => {
    const { rooms, direct } = myChannels(props.workspaceId);
    const words = query().trim().replace(/^[#@]/, "").toLowerCase();
    return [...rooms, ...direct.filter((channel) => !channel.archived)]
      .filter((channel) => titleOf(channel).toLowerCase().includes(words))
      .slice(0, LISTED);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const count = found().length;
    if (event.key === "ArrowDown" && count > 0) setActive((n) => (n + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setActive((n) => (n + count - 1) % count);
    else if (event.key === "Enter") {
      const channel = found()[active()];
      if (channel) props.onChoose(channel);
    } else return;
    event.preventDefault();
  };
  return (
    <div class="field">
      <label for="forward-to">{t("To")}</label>
      <input
        id="forward-to"
        class="input"
        type="text"
        autocomplete="off"
        role="combobox"
        aria-expanded="true"
        aria-controls="forward-options"
        aria-activedescendant={found()[active()] ? `forward-${found()[active()]?.id}` : undefined}
        placeholder={props.chosen ? labelOf(props.chosen) : t("A channel or a person")}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div class="people-options" id="forward-options" role="listbox" aria-label={t("Conversations")}>
        <For each={found()} fallback={<p class="side-empty">{t("Nothing found.")}</p>}>
          {(channel, index) => (
            <div
              class="person"
              classList={{
                "person-active": index() === active(),
                "person-chosen": props.chosen?.id === channel.id,
              }}
              id={`forward-${channel.id}`}
              role="option"
              tabIndex={-1}
              aria-selected={props.chosen?.id === channel.id}
              onPointerMove={() => setActive(index())}
              onClick={() => props.onChoose(channel)}
              onKeyDown={(event) => event.key === "Enter" && props.onChoose(channel)}
            >
              <ChannelGlyph channel={channel} />
              <span class="clip">{titleOf(channel)}</span>
            </div>
          )}
        </For>
      </div>
    </div>
  );
}

export function Forward(props: { messageId: Id }): JSX.Element {
  const message = () => state.messages[props.messageId];
  const [channel, setChannel] = createSignal<Channel | null>(null);
  const [comment, setComment] = createSignal("");
  const clientMsgId = crypto.randomUUID();
  const form = createForm(async () => {
    const target = channel();
    if (!target) return;
    await rest.messages.post({
      channel_id: target.id,
      text: comment().trim(),
      forward_id: props.messageId,
      client_msg_id: clientMsgId,
    });
    close();
    toast(t("Forwarded to {channel}.", { channel: labelOf(target) }), {
      action: { label: t("Go there"), run: () => goTo(target) },
    });
  });
  return (
    <Modal title={t("Forward this message")}>
      <form class="form" onSubmit={form.onSubmit}>
        <ChannelChooser
          workspaceId={state.channels[message()?.channel_id ?? ""]?.workspace_id ?? ""}
          chosen={channel()}
          onChoose={setChannel}
        />
        <div class="field">
          <label for="forward-comment">
            {t("Say something about it")} <span class="muted">{t("(optional)")}</span>
          </label>
          <textarea
            id="forward-comment"
            class="input"
            rows={2}
            maxLength={12_000}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
        </div>
        <Show when={message()}>{(found) => <Quoted message={found()} />}</Show>
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-primary" disabled={form.busy() || !channel()}>
            {channel() ? t("Forward to {channel}", { channel: labelOf(channel() as Channel) }) : t("Forward")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

export function Pins(props: { channelId: Id }): JSX.Element {
  let list!: HTMLUListElement;
  const channel = () => state.channels[props.channelId];
  const canUnpin = () => channel()?.is_member === true && !channel()?.archived;
  return (
    <Modal title={t("Pinned in {channel}", { channel: channel() ? labelOf(channel() as Channel) : "" })}>
      <ul class="pin-list" aria-label={t("Pinned messages")} ref={list} tabIndex={-1}>
        <For
          each={state.pins[props.channelId] ?? []}
          fallback={
            <li class="empty">
              <p class="muted">{t("Nothing is pinned here. Pin what people should find again.")}</p>
            </li>
          }
        >
          {(pin) => (
            <li>
              <Quoted message={pin.message} />
              <div class="pin-foot">
                <span class="muted">
                  {pin.pinned_by === myId()
                    ? t("Pinned by you, {time}", { time: full(pin.pinned_at) })
                    : t("Pinned by {name}, {time}", {
                        name: nameOf(channel()?.workspace_id ?? "", pin.pinned_by),
                        time: full(pin.pinned_at),
                      })}
                </span>
                <button
                  type="button"
                  class="btn btn-sm"
                  onClick={() => {
                    const found = channel();
                    close();
                    if (found) goTo(found, pin.message.message_id, pin.message.thread_id);
                  }}
                >
                  {t("Go to message")}
                </button>
                <Show when={canUnpin()}>
                  <button
                    type="button"
                    class="btn btn-sm btn-ghost"
                    onClick={() => {
                      // The button goes with its row, and focus must stay in the dialog.
                      list.focus();
                      void setPinned(pin.message, false);
                    }}
                  >
                    {t("Unpin")}
                  </button>
                </Show>
              </div>
            </li>
          )}
        </For>
      </ul>
    </Modal>
  );
}

export function WhoReacted(props: { messageId: Id }): JSX.Element {
  const message = () => state.messages[props.messageId];
  const workspaceId = () => state.channels[message()?.channel_id ?? ""]?.workspace_id ?? "";
  return (
    <Modal title={t("Reactions")} size="sm">
      <For each={message()?.reactions ?? []} fallback={<p class="muted">{t("Nobody reacted.")}</p>}>
        {(reaction) => (
          <section class="who-reacted" aria-label={`${reaction.emoji} ${reaction.user_ids.length}`}>
            <h3>
              <span class="reaction-emoji">
                <EmojiGlyph emoji={reaction.emoji} />
              </span>{" "}
              {reaction.user_ids.length}
            </h3>
            <ul>
              <For each={reaction.user_ids}>
                {(id) => (
                  <li>
                    <Avatar id={id} name={nameOf(workspaceId(), id)} size="xs" />
                    {id === myId()
                      ? t("{name} (you)", { name: state.me?.name ?? "" })
                      : nameOf(workspaceId(), id)}
                  </li>
                )}
              </For>
            </ul>
          </section>
        )}
      </For>
    </Modal>
  );
}

export function JumpToDate(props: { channelId: Id }): JSX.Element {
  const channel = () => state.channels[props.channelId];
  const [day, setDay] = createSignal("");
  const go = createForm(async () => {
    const found = channel();
    if (!found) return;
    const at = readInput(day());
    const { results } = await rest.channels.history(found.id, { after: `t${at}`, limit: 1 });
    close();
    goTo(found, results[0]?.message_id);
    if (!results[0]) toast(t("Nothing was said after that day."));
  });
  const quick = (days: number) => setDay(dayInput(Date.now() - days * 86_400_000));
  return (
    <Modal title={t("Jump to a date")} size="sm">
      <form class="form" onSubmit={go.onSubmit}>
        <div class="presets">
          <button type="button" class="btn btn-sm" onClick={() => quick(0)}>
            {t("Today")}
          </button>
          <button type="button" class="btn btn-sm" onClick={() => quick(7)}>
            {t("A week ago")}
          </button>
          <button type="button" class="btn btn-sm" onClick={() => quick(30)}>
            {t("A month ago")}
          </button>
        </div>
        <div class="field">
          <label for="jump-day">{t("Day")}</label>
          <input
            id="jump-day"
            class="input"
            type="date"
            required
            value={day()}
            max={dayInput(Date.now())}
            onInput={(event) => setDay(event.currentTarget.value)}
          />
        </div>
        <FormError text={go.error()} />
        <div class="form-actions">
          <button type="submit" class="btn btn-primary" disabled={go.busy() || !day()}>
            {t("Go")}
          </button>
        </div>
      </form>
    </Modal>
  );
}
