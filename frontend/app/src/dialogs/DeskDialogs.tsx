import type { Id, SavedItem, Scheduled, SidebarLayout } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, Match, on, Show, Switch } from "solid-js";
import { Icon } from "../components/Icon";
import { t } from "../i18n";
import { href, navigate } from "../router";
import { arrange, dropDraft, layoutOf, listedDrafts, loadReminders, loadScheduled } from "../state/desk";
import { isDirect, labelOf, setState, state, titleOf } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { type DialogName, type LaterTab, openDialog } from "../state/ui";
import { goTo, myChannels } from "../state/verbs";
import { rest } from "../state/wire";
import { full } from "../text/time";
import { localInput, morning, presets, readInput } from "../text/when";
import { zoneName } from "../text/zone";
import { Tabs } from "./ChannelDetails";
import { Quoted } from "./MessageDialogs";
import { close, createForm, FormError, Modal } from "./parts";

function TimeField(props: { at: number; onChange: (at: number) => void }): JSX.Element {
  return (
    <div class="field">
      <label for="when">{t("When")}</label>
      <div class="presets">
        <For each={presets()}>
          {(preset) => (
            <button type="button" class="btn btn-sm" onClick={() => props.onChange(preset.at)}>
              {preset.label}
            </button>
          )}
        </For>
      </div>
      <input
        id="when"
        class="input"
        type="datetime-local"
        required
        value={localInput(props.at)}
        onInput={(event) => {
          const at = readInput(event.currentTarget.value);
          if (!Number.isNaN(at)) props.onChange(at);
        }}
      />
      <p class="hint">{t("In your time zone, {zone}.", { zone: zoneName() })}</p>
    </div>
  );
}

export function Schedule(props: { open: Extract<DialogName, { name: "schedule" }> }): JSX.Element {
  const [at, setAt] = createSignal(morning(1));
  const channel = () => state.channels[props.open.channelId];
  const form = createForm(async () => {
    const found = channel();
    if (!found) return;
    await rest.desk.schedule(found.workspace_id, {
      channel_id: found.id,
      text: props.open.text,
      at: at(),
      ...(props.open.threadId ? { thread_id: props.open.threadId } : {}),
    });
    props.open.sent();
    close();
    toast(t("It will be sent on {time}.", { time: full(at()) }), {
      action: { label: t("See all"), run: () => openDialog({ name: "later", tab: "scheduled" }) },
    });
  });
  return (
    <Modal
      title={t("Send later")}
      size="sm"
      description={channel() ? t("To {channel}", { channel: labelOf(channel() as never) }) : ""}
    >
      <form class="form" onSubmit={form.onSubmit}>
        <TimeField at={at()} onChange={setAt} />
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-primary" disabled={form.busy()}>
            {t("Schedule")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

export function Reschedule(props: { id: Id; workspaceId: Id }): JSX.Element {
  const found = (state.scheduled[props.workspaceId] ?? []).find((one) => one.id === props.id);
  const [at, setAt] = createSignal(Math.max(found?.at ?? 0, Date.now() + 60_000));
  const [text, setText] = createSignal(found?.text ?? "");
  const form = createForm(async () => {
    await rest.desk.reschedule(props.id, { text: text(), at: at() });
    await loadScheduled(props.workspaceId);
    openDialog({ name: "later", tab: "scheduled" });
  });
  return (
    <Modal title={t("Change a scheduled message")} size="sm">
      <form class="form" onSubmit={form.onSubmit}>
        <div class="field">
          <label for="later-text">{t("Message")}</label>
          <textarea
            id="later-text"
            class="input"
            rows={4}
            required
            maxLength={12_000}
            value={text()}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <TimeField at={at()} onChange={setAt} />
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="submit" class="btn btn-primary" disabled={form.busy() || !text().trim()}>
            {t("Save")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

export function Remind(props: { messageId: Id }): JSX.Element {
  const [at, setAt] = createSignal(Date.now() + 3_600_000);
  const message = () => state.messages[props.messageId];
  const workspaceId = () => state.channels[message()?.channel_id ?? ""]?.workspace_id ?? "";
  const form = createForm(async () => {
    await rest.desk.remind(workspaceId(), { at: at(), message_id: props.messageId });
    close();
    toast(t("You will be reminded on {time}.", { time: full(at()) }));
  });
  return (
    <Modal title={t("Remind me of this")} size="sm">
      <form class="form" onSubmit={form.onSubmit}>
        <Show when={message()}>{(found) => <Quoted message={found()} />}</Show>
        <TimeField at={at()} onChange={setAt} />
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-primary" disabled={form.busy()}>
            {t("Remind me")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const TABS = [
  {
    id: "saved",
    get label() {
      return t("Saved");
    },
  },
  {
    id: "reminders",
    get label() {
      return t("Reminders");
    },
  },
  {
    id: "scheduled",
    get label() {
      return t("Scheduled");
    },
  },
  {
    id: "drafts",
    get label() {
      return t("Drafts");
    },
  },
];

/** A button may go with its row; the focus then has to stay in the dialog. */
function holdFocus(list: HTMLElement): void {
  list.addEventListener("click", (event) => {
    if ((event.target as Element).closest("button")) list.focus();
  });
}

export function Later(props: { workspaceId: Id; tab: LaterTab }): JSX.Element {
  const [tab, setTab] = createSignal<LaterTab>(props.tab);
  return (
    <Modal title={t("Later")} size="lg">
      <Tabs current={tab()} tabs={TABS} onChoose={(id) => setTab(id as LaterTab)} />
      <Switch>
        <Match when={tab() === "saved"}>
          <SavedList workspaceId={props.workspaceId} />
        </Match>
        <Match when={tab() === "reminders"}>
          <ReminderList workspaceId={props.workspaceId} />
        </Match>
        <Match when={tab() === "scheduled"}>
          <ScheduledList workspaceId={props.workspaceId} />
        </Match>
        <Match when={tab() === "drafts"}>
          <DraftList workspaceId={props.workspaceId} />
        </Match>
      </Switch>
    </Modal>
  );
}

const Nothing = (props: { text: string }): JSX.Element => (
  <li class="empty">
    <p class="muted">{props.text}</p>
  </li>
);

function SavedList(props: { workspaceId: Id }): JSX.Element {
  const [items, setItems] = createSignal<readonly SavedItem[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const [done, setDone] = createSignal(false);
  const [status, setStatus] = createSignal<"loading" | "ready" | "error">("loading");
  const load = async (cursor: string | null) => {
    try {
      const page = await rest.desk.saved(props.workspaceId, {
        ...(done() ? { done: "true" as const } : {}),
        ...(cursor ? { cursor } : {}),
      });
      setItems((known) => (cursor ? [...known, ...page.results] : page.results));
      setNext(page.next_cursor);
      setStatus("ready");
    } catch (error) {
      setStatus("error");
      toastError(error);
    }
  };
  createEffect(on(done, () => void load(null)));
  const put = async (item: SavedItem, change: () => Promise<void>, saved: boolean) => {
    try {
      await change();
      setState("saved", item.message_id, saved);
      setItems((known) => known.filter((one) => one.message_id !== item.message_id));
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <>
      <label class="also">
        <input type="checkbox" checked={done()} onChange={(event) => setDone(event.currentTarget.checked)} />
        {t("Show what is done")}
      </label>
      <ul
        class="pin-list"
        ref={holdFocus}
        tabIndex={-1}
        aria-label={t("Saved messages")}
        aria-busy={status() === "loading"}
      >
        <For
          each={items()}
          fallback={
            <Show when={status() !== "loading"}>
              <Nothing
                text={
                  status() === "error"
                    ? t("What you saved did not load.")
                    : t("Nothing here. Save a message to come back to it; only you see what you saved.")
                }
              />
            </Show>
          }
        >
          {(item) => (
            <li>
              <Show
                when={item.message}
                fallback={<p class="muted">{t("This message can't be seen any more.")}</p>}
              >
                {(message) => <Quoted message={message()} />}
              </Show>
              <div class="pin-foot">
                <span class="muted">
                  <Show when={state.channels[item.channel_id]}>
                    {(channel) => <>{labelOf(channel())} · </>}
                  </Show>
                  {t("saved {time}", { time: full(item.saved_at) })}
                </span>
                <Show when={item.message}>
                  {(message) => (
                    <button
                      type="button"
                      class="btn btn-sm"
                      onClick={() => {
                        close();
                        const { channel_id, message_id, thread_id } = message();
                        navigate(
                          href({
                            workspace: props.workspaceId,
                            channel: channel_id,
                            message: message_id,
                            thread: thread_id,
                          }),
                        );
                      }}
                    >
                      {t("Go to message")}
                    </button>
                  )}
                </Show>
                <button
                  type="button"
                  class="btn btn-sm"
                  onClick={() => void put(item, () => rest.desk.save(item.message_id, !item.done), item.done)}
                >
                  {item.done ? t("Not done") : t("Done")}
                </button>
                <button
                  type="button"
                  class="btn btn-sm btn-ghost"
                  onClick={() => void put(item, () => rest.desk.unsave(item.message_id), false)}
                >
                  {t("Remove")}
                </button>
              </div>
            </li>
          )}
        </For>
      </ul>
      <Show when={next()}>
        <button type="button" class="btn btn-block" onClick={() => void load(next())}>
          {t("Show more")}
        </button>
      </Show>
    </>
  );
}

function ReminderList(props: { workspaceId: Id }): JSX.Element {
  const run = (change: Promise<unknown>) =>
    void change.then(() => loadReminders(props.workspaceId)).catch(toastError);
  return (
    <ul class="pin-list" ref={holdFocus} tabIndex={-1} aria-label={t("Reminders")}>
      <For
        each={state.reminders[props.workspaceId] ?? []}
        fallback={
          <Nothing text={t("No reminders. Try “Remind me…” in the menu of a message, or /remind.")} />
        }
      >
        {(reminder) => (
          <li>
            <p>
              <Show when={reminder.due}>
                <span class="tag">{t("Due")}</span>{" "}
              </Show>
              {reminder.text || t("A message")}
            </p>
            <div class="pin-foot">
              <span class="muted">{full(reminder.at)}</span>
              <Show when={reminder.message_id}>
                {(id) => (
                  <button
                    type="button"
                    class="btn btn-sm"
                    onClick={() => {
                      close();
                      navigate(
                        href({ workspace: props.workspaceId, channel: reminder.channel_id, message: id() }),
                      );
                    }}
                  >
                    {t("Go to message")}
                  </button>
                )}
              </Show>
              <button
                type="button"
                class="btn btn-sm"
                onClick={() => run(rest.desk.putOff(reminder.id, Date.now() + 3_600_000))}
              >
                {t("In an hour")}
              </button>
              <button
                type="button"
                class="btn btn-sm btn-ghost"
                onClick={() => run(rest.desk.finish(reminder.id))}
              >
                {t("Done")}
              </button>
            </div>
          </li>
        )}
      </For>
    </ul>
  );
}

function ScheduledList(props: { workspaceId: Id }): JSX.Element {
  const run = (change: Promise<unknown>) =>
    void change.then(() => loadScheduled(props.workspaceId)).catch(toastError);
  return (
    <ul class="pin-list" ref={holdFocus} tabIndex={-1} aria-label={t("Scheduled messages")}>
      <For
        each={state.scheduled[props.workspaceId] ?? []}
        fallback={
          <Nothing
            text={t("Nothing is scheduled. The clock beside the send button sends a message later.")}
          />
        }
      >
        {(one: Scheduled) => (
          <li>
            <p class="clip-lines" dir="auto">
              {one.text}
            </p>
            <Show when={one.problem}>
              <p class="alert alert-error">
                {t("It could not be sent: {problem}", { problem: one.problem ?? "" })}
              </p>
            </Show>
            <div class="pin-foot">
              <span class="muted">
                <Show when={state.channels[one.channel_id]}>
                  {(channel) => <>{t("To {channel}, ", { channel: labelOf(channel()) })}</>}
                </Show>
                {full(one.at)}
              </span>
              <button
                type="button"
                class="btn btn-sm"
                onClick={() => openDialog({ name: "reschedule", id: one.id, workspaceId: props.workspaceId })}
              >
                {t("Change")}
              </button>
              <button type="button" class="btn btn-sm" onClick={() => run(rest.desk.sendNow(one.id))}>
                {t("Send now")}
              </button>
              <button
                type="button"
                class="btn btn-sm btn-ghost"
                onClick={() => run(rest.desk.unschedule(one.id))}
              >
                {t("Cancel")}
              </button>
            </div>
          </li>
        )}
      </For>
    </ul>
  );
}

function DraftList(props: { workspaceId: Id }): JSX.Element {
  return (
    <ul class="pin-list" ref={holdFocus} tabIndex={-1} aria-label={t("Drafts")}>
      <For
        each={listedDrafts(props.workspaceId)}
        fallback={
          <Nothing
            text={t("No drafts. What you begin to write is kept, and follows you to your other devices.")}
          />
        }
      >
        {(draft) => (
          <li>
            <p class="clip-lines" dir="auto">
              {draft.text}
            </p>
            <div class="pin-foot">
              <span class="muted">
                <Show when={state.channels[draft.channel_id]}>{(channel) => labelOf(channel())}</Show>
                {draft.thread_id ? ", in a thread" : ""}
              </span>
              <button
                type="button"
                class="btn btn-sm"
                onClick={() => {
                  const channel = state.channels[draft.channel_id];
                  close();
                  if (channel) goTo(channel, undefined, draft.thread_id);
                }}
              >
                {t("Go on writing")}
              </button>
              <button
                type="button"
                class="btn btn-sm btn-ghost"
                onClick={() => dropDraft(draft.channel_id, draft.thread_id)}
              >
                {t("Delete")}
              </button>
            </div>
          </li>
        )}
      </For>
    </ul>
  );
}

/** Sections of the sidebar, by selects and buttons: works with any input. */
export function Arrange(props: { workspaceId: Id; channelId: Id | null }): JSX.Element {
  const layout = () => layoutOf(props.workspaceId);
  const [name, setName] = createSignal("");
  const change = (run: (layout: SidebarLayout) => SidebarLayout) => void arrange(props.workspaceId, run);
  const channels = () => {
    const { rooms, direct } = myChannels(props.workspaceId);
    const all = [...rooms, ...direct];
    return props.channelId ? all.filter((channel) => channel.id === props.channelId) : all;
  };
  const sectionOf = (id: Id) =>
    layout().sections.find((section) => section.channel_ids.includes(id))?.id ?? "";
  const move = (id: Id, section: string) =>
    change((found) => ({
      ...found,
      sections: found.sections.map((one) => ({
        ...one,
        channel_ids: [
          ...one.channel_ids.filter((other) => other !== id),
          ...(one.id === section ? [id] : []),
        ],
      })),
    }));
  const shift = (index: number, by: 1 | -1) =>
    change((found) => {
      const sections = [...found.sections];
      const [taken] = sections.splice(index, 1);
      if (taken) sections.splice(index + by, 0, taken);
      return { ...found, sections };
    });
  return (
    <Modal title={t("Arrange your sidebar")} description={t("Only you see it like this.")}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = name().trim();
          if (!wanted) return;
          change((found) => ({
            ...found,
            sections: [...found.sections, { id: crypto.randomUUID(), name: wanted, channel_ids: [] }],
          }));
          setName("");
        }}
      >
        <div class="field">
          <label for="section-name">{t("New section")}</label>
          <div class="inline">
            <input
              id="section-name"
              class="input"
              maxLength={60}
              value={name()}
              onInput={(event) => setName(event.currentTarget.value)}
            />
            <button type="submit" class="btn btn-primary" disabled={!name().trim()}>
              {t("Add")}
            </button>
          </div>
        </div>
      </form>
      <ul class="arrange-list" aria-label={t("Sections")}>
        <For each={layout().sections}>
          {(section, index) => (
            <li>
              <input
                class="input"
                aria-label={t("Name of {name}", { name: section.name })}
                maxLength={60}
                value={section.name}
                onChange={(event) => {
                  const wanted = event.currentTarget.value.trim();
                  if (wanted)
                    change((found) => ({
                      ...found,
                      sections: found.sections.map((one) =>
                        one.id === section.id ? { ...one, name: wanted } : one,
                      ),
                    }));
                }}
              />
              <button
                type="button"
                class="tool"
                aria-label={t("Move {name} up", { name: section.name })}
                disabled={index() === 0}
                onClick={() => shift(index(), -1)}
              >
                ↑
              </button>
              <button
                type="button"
                class="tool"
                aria-label={t("Move {name} down", { name: section.name })}
                disabled={index() === layout().sections.length - 1}
                onClick={() => shift(index(), 1)}
              >
                ↓
              </button>
              <button
                type="button"
                class="tool"
                aria-label={t("Remove {name}", { name: section.name })}
                onClick={() =>
                  change((found) => ({
                    ...found,
                    sections: found.sections.filter((one) => one.id !== section.id),
                  }))
                }
              >
                <Icon name="x" />
              </button>
            </li>
          )}
        </For>
      </ul>
      <ul class="arrange-list" aria-label={t("Channels")}>
        <For each={channels()}>
          {(channel) => (
            <li>
              <label class="clip" for={`place-${channel.id}`}>
                {isDirect(channel) ? titleOf(channel) : labelOf(channel)}
              </label>
              <select
                id={`place-${channel.id}`}
                class="input"
                value={sectionOf(channel.id)}
                onChange={(event) => move(channel.id, event.currentTarget.value)}
              >
                <option value="">{isDirect(channel) ? t("Direct messages") : t("Channels")}</option>
                <For each={layout().sections}>
                  {(section) => (
                    <option value={section.id} selected={sectionOf(channel.id) === section.id}>
                      {section.name}
                    </option>
                  )}
                </For>
              </select>
            </li>
          )}
        </For>
      </ul>
    </Modal>
  );
}
