import type { Id, Member, Role } from "@slackclone/client";
import { createResource, createSignal, For, type JSX, Match, Show, Switch } from "solid-js";
import { Avatar } from "../components/Avatar";
import { Icon } from "../components/Icon";
import { MessageBody } from "../components/MessageBody";
import { t, tn } from "../i18n";
import { route } from "../router";
import { putChannel } from "../state/channels";
import { shortcuts } from "../state/keys";
import { nameOf, state } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { type DialogName, dialog, openDialog } from "../state/ui";
import { copyText, deleteMessage, goTo, joinChannel, openDirect } from "../state/verbs";
import { rest, socket } from "../state/wire";
import { full } from "../text/time";
import { ChannelDetails } from "./ChannelDetails";
import { Arrange, Later, Remind, Reschedule, Schedule } from "./DeskDialogs";
import { WorkspaceForm } from "./FirstRun";
import { GroupsDialog } from "./Groups";
import { Forward, JumpToDate, Pins, WhoReacted } from "./MessageDialogs";
import { ChannelNotificationDialog } from "./Notifications";
import { OwnEmojiDialog } from "./OwnEmoji";
import { close, createDebounced, createForm, FormError, latestOf, Modal, PeoplePicker } from "./parts";
import { Settings } from "./Settings";
import { Sheet } from "./Sheet";
import { DndDialog, StatusDialog } from "./Status";
import { Switcher } from "./Switcher";

const GROUP_MAX = 8;

export default function Dialogs(): JSX.Element {
  const is = <N extends DialogName["name"]>(name: N) => {
    const open = dialog();
    return open?.name === name ? (open as Extract<DialogName, { name: N }>) : undefined;
  };
  const workspaceId = () => route().workspace ?? state.workspaceIds[0] ?? "";
  return (
    <Switch>
      <Match when={is("create-workspace")}>
        <Modal
          title={t("Create a workspace")}
          size="sm"
          description={t("A place of its own, with its own people and channels.")}
        >
          <WorkspaceForm submitLabel={t("Create")} onDone={close} onCancel={close} />
        </Modal>
      </Match>
      <Match when={is("create-channel")}>
        <CreateChannel workspaceId={workspaceId()} />
      </Match>
      <Match when={is("browse-channels")}>
        <BrowseChannels workspaceId={workspaceId()} />
      </Match>
      <Match when={is("new-dm")}>
        <NewDirect workspaceId={workspaceId()} />
      </Match>
      <Match when={is("invite")}>
        <Invite workspaceId={workspaceId()} />
      </Match>
      <Match when={is("channel")}>
        {(open) => <ChannelDetails channelId={open().channelId} tab={open().tab ?? "about"} />}
      </Match>
      <Match when={is("add-people")}>{(open) => <AddPeople channelId={open().channelId} />}</Match>
      <Match when={is("versions")}>{(open) => <Versions messageId={open().messageId} />}</Match>
      <Match when={is("forward")}>{(open) => <Forward messageId={open().messageId} />}</Match>
      <Match when={is("jump-date")}>{(open) => <JumpToDate channelId={open().channelId} />}</Match>
      <Match when={is("schedule")}>{(open) => <Schedule open={open()} />}</Match>
      <Match when={is("reschedule")}>
        {(open) => <Reschedule id={open().id} workspaceId={open().workspaceId} />}
      </Match>
      <Match when={is("remind")}>{(open) => <Remind messageId={open().messageId} />}</Match>
      <Match when={is("later")}>
        {(open) => <Later workspaceId={workspaceId()} tab={open().tab ?? "saved"} />}
      </Match>
      <Match when={is("arrange")}>
        {(open) => <Arrange workspaceId={workspaceId()} channelId={open().channelId ?? null} />}
      </Match>
      <Match when={is("message-sheet")}>{(open) => <Sheet messageId={open().messageId} />}</Match>
      <Match when={is("pins")}>{(open) => <Pins channelId={open().channelId} />}</Match>
      <Match when={is("reactions")}>{(open) => <WhoReacted messageId={open().messageId} />}</Match>
      <Match when={is("delete-message")}>{(open) => <DeleteMessage messageId={open().messageId} />}</Match>
      <Match when={is("settings")}>{(open) => <Settings tab={open().tab ?? "profile"} />}</Match>
      <Match when={is("channel-notifications")}>
        {(open) => <ChannelNotificationDialog channelId={open().channelId} />}
      </Match>
      <Match when={is("status")}>
        <StatusDialog />
      </Match>
      <Match when={is("dnd")}>
        <DndDialog />
      </Match>
      <Match when={is("groups")}>
        {(request) => <GroupsDialog workspaceId={workspaceId()} groupId={request().groupId ?? null} />}
      </Match>
      <Match when={is("own-emoji")}>
        <OwnEmojiDialog workspaceId={workspaceId()} />
      </Match>
      <Match when={is("shortcuts")}>
        <Shortcuts />
      </Match>
      <Match when={is("switcher")}>
        <Switcher workspaceId={workspaceId()} />
      </Match>
    </Switch>
  );
}

function CreateChannel(props: { workspaceId: Id }): JSX.Element {
  const [name, setName] = createSignal("");
  const [purpose, setPurpose] = createSignal("");
  const [isPrivate, setPrivate] = createSignal(false);
  const form = createForm(async () => {
    const channel = await rest.workspaces.createChannel(props.workspaceId, {
      kind: isPrivate() ? "private" : "public",
      name: name(),
      ...(purpose().trim() ? { purpose: purpose().trim() } : {}),
    });
    putChannel(channel);
    socket.subscribe({ [channel.stream]: channel.seq });
    close();
    goTo(channel);
  });
  return (
    <Modal
      title={t("Create a channel")}
      size="sm"
      description={t("Channels are where a topic, a project or a team is talked about.")}
    >
      <form class="form" onSubmit={form.onSubmit}>
        <div class="field">
          <label for="channel-name">{t("Name")}</label>
          <div class="prefixed">
            <Icon name={isPrivate() ? "lock" : "hash"} size={16} />
            <input
              id="channel-name"
              class="input"
              required
              maxLength={80}
              autocomplete="off"
              spellcheck={false}
              placeholder={t("plan-budget")}
              aria-invalid={form.error() !== null}
              value={name()}
              onInput={(event) => {
                const caret = event.currentTarget.selectionStart;
                setName(event.currentTarget.value.toLowerCase().replace(/\s/g, "-"));
                event.currentTarget.value = name();
                event.currentTarget.setSelectionRange(caret, caret);
              }}
            />
          </div>
        </div>
        <div class="field">
          <label for="channel-purpose">
            {t("Purpose")} <span class="muted">{t("(optional)")}</span>
          </label>
          <input
            id="channel-purpose"
            maxLength={250}
            autocomplete="off"
            placeholder={t("What is it for?")}
            onInput={(event) => setPurpose(event.currentTarget.value)}
          />
        </div>
        <fieldset class="options">
          <legend class="label">{t("Who can see it")}</legend>
          <Option
            name="visibility"
            checked={!isPrivate()}
            label={t("Public")}
            hint={t("Everybody in the workspace can find and join it.")}
            onChoose={() => setPrivate(false)}
          />
          <Option
            name="visibility"
            checked={isPrivate()}
            label={t("Private")}
            hint={t("Only people who are added can see it.")}
            onChoose={() => setPrivate(true)}
          />
        </fieldset>
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-primary" disabled={form.busy() || !name()}>
            {form.busy() ? t("Creating…") : t("Create channel")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

export function Option(props: {
  name: string;
  checked: boolean;
  label: string;
  hint?: string;
  onChoose: () => void;
}): JSX.Element {
  return (
    <label class="option">
      <input type="radio" name={props.name} checked={props.checked} onChange={() => props.onChoose()} />
      <span>
        <strong>{props.label}</strong>
        <Show when={props.hint}>
          <span class="muted">{props.hint}</span>
        </Show>
      </span>
    </label>
  );
}

function BrowseChannels(props: { workspaceId: Id }): JSX.Element {
  const [query, setQuery] = createDebounced();
  const [cursor, setCursor] = createSignal<string | null>(null);
  const [busy, setBusy] = createSignal<Id | null>(null);
  const [ids, setIds] = createSignal<readonly Id[]>([]);
  const [page, { refetch }] = createResource(
    () => ({ id: props.workspaceId, q: query().trim() }),
    async ({ id, q }) => {
      const answer = await rest.workspaces.channels(id, { filter: "browse", limit: 50, ...(q ? { q } : {}) });
      for (const channel of answer.results) putChannel(channel);
      setIds(answer.results.map((channel) => channel.id));
      setCursor(answer.next_cursor);
      return true;
    },
  );
  const more = async () => {
    const at = cursor();
    if (!at) return;
    const q = query().trim();
    const answer = await rest.workspaces.channels(props.workspaceId, {
      filter: "browse",
      cursor: at,
      ...(q ? { q } : {}),
    });
    for (const channel of answer.results) putChannel(channel);
    setIds([...ids(), ...answer.results.map((channel) => channel.id)]);
    setCursor(answer.next_cursor);
  };
  return (
    <Modal title={t("Channels")} size="lg">
      <div class="browse-bar">
        <div class="prefixed">
          <Icon name="search" size={16} />
          <input
            class="input"
            type="search"
            aria-label={t("Search channels")}
            placeholder={t("Search channels")}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
        <button type="button" class="btn btn-primary" onClick={() => openDialog({ name: "create-channel" })}>
          <Icon name="plus" size={16} /> {t("Create a channel")}
        </button>
      </div>
      <ul class="browse-list" aria-label={t("Channels to browse")} aria-busy={page.loading}>
        <Show when={page.error}>
          <li class="empty">
            <p>{t("The channels did not load.")}</p>
            <button type="button" class="btn btn-sm" onClick={() => void refetch()}>
              {t("Try again")}
            </button>
          </li>
        </Show>
        <For
          each={ids()}
          fallback={
            <Show when={!page.loading && !page.error}>
              <li class="empty">
                <p class="muted">
                  {query()
                    ? t("No channel is called like “{query}”.", { query: query() })
                    : t("There are no channels yet.")}
                </p>
              </li>
            </Show>
          }
        >
          {(id) => (
            <Show when={state.channels[id]}>
              {(channel) => (
                <li class="browse-item" data-testid="browse-channel">
                  <button
                    type="button"
                    class="browse-open"
                    onClick={() => {
                      close();
                      goTo(channel());
                    }}
                  >
                    <strong># {channel().name}</strong>
                    <span class="muted clip">
                      <Show when={channel().is_member}>
                        <span class="joined">
                          <Icon name="check" size={13} /> {t("Joined")}
                        </span>
                        {" · "}
                      </Show>
                      {tn("{count} member", "{count} members", channel().member_count)}
                      <Show when={channel().purpose || channel().topic}>
                        {" "}
                        · {channel().purpose || channel().topic}
                      </Show>
                    </span>
                  </button>
                  <Show when={!channel().is_member && !channel().archived}>
                    <button
                      type="button"
                      class="btn btn-sm"
                      aria-label={t("Join {name}", { name: channel().name ?? "" })}
                      disabled={busy() === id}
                      onClick={async () => {
                        setBusy(id);
                        await joinChannel(channel()).catch(toastError);
                        setBusy(null);
                      }}
                    >
                      {t("Join")}
                    </button>
                  </Show>
                  <Show when={channel().archived}>
                    <span class="tag">{t("Archived")}</span>
                  </Show>
                </li>
              )}
            </Show>
          )}
        </For>
        <Show when={cursor()}>
          <li>
            <button type="button" class="btn btn-block" onClick={() => void more().catch(toastError)}>
              {t("Show more")}
            </button>
          </li>
        </Show>
      </ul>
    </Modal>
  );
}

function NewDirect(props: { workspaceId: Id }): JSX.Element {
  const [chosen, setChosen] = createSignal<readonly Member[]>([]);
  const form = createForm(async () => {
    await openDirect(
      props.workspaceId,
      chosen().map((member) => member.user_id),
    );
    close();
  });
  return (
    <Modal
      title={t("New message")}
      description={t("To one person, or to a group of up to {max}.", { max: GROUP_MAX })}
    >
      <form class="form" onSubmit={form.onSubmit}>
        <PeoplePicker
          workspaceId={props.workspaceId}
          label={t("To")}
          chosen={chosen()}
          onChange={setChosen}
          includeSelf
          max={GROUP_MAX}
        />
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="submit" class="btn btn-primary" disabled={form.busy() || chosen().length === 0}>
            {chosen().length > 1 ? t("Start group") : t("Start conversation")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

function AddPeople(props: { channelId: Id }): JSX.Element {
  const channel = () => state.channels[props.channelId];
  const [chosen, setChosen] = createSignal<readonly Member[]>([]);
  const [present] = createResource(
    () => props.channelId,
    async (id) =>
      new Set((await rest.channels.members(id, { limit: 200 })).results.map((member) => member.user_id)),
    { initialValue: new Set<Id>() },
  );
  const form = createForm(async () => {
    const ids = chosen().map((member) => member.user_id);
    putChannel(await rest.channels.addMembers(props.channelId, ids));
    toast(
      ids.length === 1
        ? t("Added {name}.", { name: chosen()[0]?.name ?? "" })
        : tn("Added {count} person.", "Added {count} people.", ids.length),
    );
    close();
  });
  return (
    <Modal
      title={
        channel()?.name
          ? t("Add people to {channel}", { channel: `#${channel()?.name}` })
          : t("Add people to the conversation")
      }
    >
      <form class="form" onSubmit={form.onSubmit}>
        <PeoplePicker
          workspaceId={channel()?.workspace_id ?? ""}
          label={t("People to add")}
          chosen={chosen()}
          onChange={setChosen}
          exclude={latestOf(present, new Set<Id>())}
        />
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-primary" disabled={form.busy() || chosen().length === 0}>
            {t("Add")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

function Invite(props: { workspaceId: Id }): JSX.Element {
  const workspace = () => state.workspaces[props.workspaceId];
  const [email, setEmail] = createSignal("");
  const [role, setRole] = createSignal<Role>("member");
  const [sent, setSent] = createSignal<readonly string[]>([]);
  const [link, setLink] = createSignal<string | null>(null);
  const mail = createForm(async () => {
    await rest.workspaces.invite(props.workspaceId, { email: email().trim(), role: role() });
    setSent([...sent(), email().trim()]);
    setEmail("");
  });
  const makeLink = createForm(async () => {
    const invite = await rest.workspaces.invite(props.workspaceId, { role: role() });
    setLink(new URL(invite.url, location.origin).href);
  });
  return (
    <Modal title={t("Invite people to {name}", { name: workspace()?.name ?? "" })}>
      <div class="form">
        <div class="field">
          <label for="invite-role">{t("They join as")}</label>
          <select
            id="invite-role"
            class="input"
            value={role()}
            onChange={(event) => {
              setRole(event.currentTarget.value as Role);
              setLink(null);
            }}
          >
            <option value="member">{t("Member: all public channels")}</option>
            <option value="guest">{t("Guest: only channels they are added to")}</option>
            <Show when={workspace()?.role === "owner" || workspace()?.role === "admin"}>
              <option value="admin">{t("Admin: also manages people and channels")}</option>
            </Show>
          </select>
        </div>
        <form class="field" onSubmit={mail.onSubmit}>
          <label for="invite-email">{t("By e-mail")}</label>
          <div class="inline">
            <input
              id="invite-email"
              class="input"
              type="email"
              required
              placeholder="name@example.org"
              value={email()}
              onInput={(event) => setEmail(event.currentTarget.value)}
            />
            <button type="submit" class="btn btn-primary" disabled={mail.busy() || !email().trim()}>
              {t("Send")}
            </button>
          </div>
          <FormError text={mail.error()} />
          <For each={sent()}>
            {(address) => (
              <p class="hint" role="status">
                {t("Invitation sent to {address}.", { address })}
              </p>
            )}
          </For>
        </form>
        <div class="or">{t("or")}</div>
        <form class="field" onSubmit={makeLink.onSubmit}>
          <span class="label">{t("By link")}</span>
          <Show
            when={link()}
            fallback={
              <button type="submit" class="btn" disabled={makeLink.busy()}>
                <Icon name="link" size={16} /> {t("Create an invitation link")}
              </button>
            }
          >
            {(url) => (
              <div class="inline">
                <input
                  class="input"
                  readonly
                  aria-label={t("Invitation link")}
                  data-testid="invite-link"
                  value={url()}
                  onFocus={(event) => event.currentTarget.select()}
                />
                <button
                  type="button"
                  class="btn"
                  onClick={() => void copyText(url()).then(() => toast(t("Link copied.")))}
                >
                  <Icon name="copy" size={16} /> {t("Copy")}
                </button>
              </div>
            )}
          </Show>
          <FormError text={makeLink.error()} />
          <p class="hint">{t("Whoever has the link can join until it expires.")}</p>
        </form>
      </div>
    </Modal>
  );
}

function Versions(props: { messageId: Id }): JSX.Element {
  const [versions] = createResource(
    () => props.messageId,
    async (id) => (await rest.messages.versions(id)).results,
    { initialValue: [] },
  );
  const workspaceId = () =>
    state.channels[state.messages[props.messageId]?.channel_id ?? ""]?.workspace_id ?? "";
  return (
    <Modal title={t("Edit history")}>
      <Show
        when={!versions.error}
        fallback={<p class="alert alert-error">{t("The history did not load.")}</p>}
      >
        <ol class="versions" aria-busy={versions.loading}>
          <For each={[...latestOf(versions, [])].reverse()}>
            {(version, index) => (
              <li>
                <div class="muted">
                  {index() === 0 ? t("Now") : full(version.edited_at)} ·{" "}
                  {nameOf(workspaceId(), version.editor_id)}
                </div>
                <MessageBody message={{ text: version.text, html: version.html, mentions: [] }} />
              </li>
            )}
          </For>
        </ol>
      </Show>
    </Modal>
  );
}

function DeleteMessage(props: { messageId: Id }): JSX.Element {
  const message = () => state.messages[props.messageId];
  const form = createForm(async () => {
    await deleteMessage(props.messageId);
    close();
  });
  return (
    <Modal
      title={t("Delete this message?")}
      size="sm"
      description={t("It disappears for everybody. This can't be undone.")}
    >
      <form class="form" onSubmit={form.onSubmit}>
        <Show when={message()}>
          {(found) => (
            <blockquote class="quoted">
              <Avatar
                id={found().sender_id}
                name={nameOf(state.channels[found().channel_id]?.workspace_id ?? "", found().sender_id)}
                size="sm"
              />
              <MessageBody message={found()} />
            </blockquote>
          )}
        </Show>
        <FormError text={form.error()} />
        <div class="form-actions">
          <button type="button" class="btn" onClick={close}>
            {t("Cancel")}
          </button>
          <button type="submit" class="btn btn-danger" disabled={form.busy()}>
            {t("Delete")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

function Shortcuts(): JSX.Element {
  return (
    <Modal title={t("Keyboard shortcuts")} size="lg">
      <div class="shortcut-groups">
        <For each={shortcuts()}>
          {(group) => (
            <section>
              <h3>{group.group}</h3>
              <dl class="shortcuts">
                <For each={group.keys}>
                  {(shortcut) => (
                    <div>
                      <dt>{shortcut.what}</dt>
                      <dd>
                        <For each={shortcut.keys}>{(key) => <kbd>{key}</kbd>}</For>
                      </dd>
                    </div>
                  )}
                </For>
              </dl>
            </section>
          )}
        </For>
      </div>
    </Modal>
  );
}
