import type { Channel, Id, Member, Upload } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, on, onMount, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { Icon } from "../components/Icon";
import { FileCard } from "../components/MessageFiles";
import { PresenceDot } from "../components/PresenceDot";
import { t } from "../i18n";
import { putChannel, putMembers } from "../state/channels";
import { pullPresence } from "../state/presence";
import { isDirect, labelOf, myId, nameOf, state } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { openDialog } from "../state/ui";
import { leaveChannel, openDirect } from "../state/verbs";
import { rest } from "../state/wire";
import { date } from "../text/time";
import { close, createDebounced, createForm, FormError, Modal } from "./parts";

type Tab = "about" | "members" | "files" | "settings";

export function ChannelDetails(props: { channelId: Id; tab: Tab }): JSX.Element {
  const channel = () => state.channels[props.channelId];
  return (
    <Show when={channel()}>
      {(found) => (
        <Modal title={labelOf(found())}>
          <Tabs
            current={props.tab}
            tabs={[
              { id: "about", label: t("About") },
              { id: "members", label: t("Members {count}", { count: found().member_count }) },
              { id: "files", label: t("Files") },
              ...(isDirect(found()) || !found().is_member ? [] : [{ id: "settings", label: t("Settings") }]),
            ]}
            onChoose={(tab) => openDialog({ name: "channel", channelId: props.channelId, tab: tab as Tab })}
          />
          <Show when={props.tab === "about"}>
            <About channel={found()} />
          </Show>
          <Show when={props.tab === "members"}>
            <Members channel={found()} />
          </Show>
          <Show when={props.tab === "files"}>
            <ChannelFiles channelId={props.channelId} />
          </Show>
          <Show when={props.tab === "settings"}>
            <ChannelSettings channel={found()} />
          </Show>
        </Modal>
      )}
    </Show>
  );
}

export function Tabs(props: {
  current: string;
  tabs: { id: string; label: string }[];
  onChoose: (id: string) => void;
}): JSX.Element {
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const at = props.tabs.findIndex((tab) => tab.id === props.current);
    const next = props.tabs[(at + by + props.tabs.length) % props.tabs.length];
    if (!next) return;
    const list = event.currentTarget;
    props.onChoose(next.id);
    queueMicrotask(() => list.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
  };
  return (
    <div class="tabs" role="tablist" tabIndex={-1} onKeyDown={onKeyDown}>
      <For each={props.tabs}>
        {(tab) => (
          <button
            type="button"
            class="tab"
            role="tab"
            aria-selected={tab.id === props.current}
            tabIndex={tab.id === props.current ? 0 : -1}
            onClick={() => props.onChoose(tab.id)}
          >
            {tab.label}
          </button>
        )}
      </For>
    </div>
  );
}

function About(props: { channel: Channel }): JSX.Element {
  const [topic, setTopic] = createSignal(props.channel.topic);
  const [purpose, setPurpose] = createSignal(props.channel.purpose);
  const editable = () => props.channel.is_member && !props.channel.archived && !isDirect(props.channel);
  const changed = () => topic() !== props.channel.topic || purpose() !== props.channel.purpose;
  const form = createForm(async () => {
    putChannel(
      await rest.channels.update(props.channel.id, { topic: topic().trim(), purpose: purpose().trim() }),
    );
    toast(t("Saved."));
    close();
  });
  return (
    <form class="form" role="tabpanel" onSubmit={form.onSubmit}>
      <Show when={!isDirect(props.channel)}>
        <div class="field">
          <label for="topic">{t("Topic")}</label>
          <input
            id="topic"
            maxLength={250}
            placeholder={editable() ? t("What is it about right now?") : t("No topic")}
            readonly={!editable()}
            value={topic()}
            onInput={(event) => setTopic(event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <label for="purpose">{t("Purpose")}</label>
          <textarea
            id="purpose"
            rows={3}
            maxLength={250}
            placeholder={editable() ? t("What is it for?") : t("No purpose")}
            readonly={!editable()}
            value={purpose()}
            onInput={(event) => setPurpose(event.currentTarget.value)}
          />
        </div>
      </Show>
      <p class="hint">
        {t("Created by {name} on {date}.", {
          name: nameOf(props.channel.workspace_id, props.channel.creator_id),
          date: date(props.channel.created_at),
        })}
      </p>
      <FormError text={form.error()} />
      <Show when={editable()}>
        <div class="form-actions">
          <button type="submit" class="btn btn-primary" disabled={form.busy() || !changed()}>
            {t("Save")}
          </button>
        </div>
      </Show>
    </form>
  );
}

function Members(props: { channel: Channel }): JSX.Element {
  let search!: HTMLInputElement;
  const [query, setQuery] = createDebounced();
  const [members, setMembers] = createSignal<readonly Member[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const [loading, setLoading] = createSignal(true);
  const load = async (more: boolean) => {
    const q = query().trim();
    const cursor = more ? next() : null;
    setLoading(true);
    try {
      const page = await rest.channels.members(props.channel.id, {
        limit: 50,
        ...(q ? { q } : {}),
        ...(cursor ? { cursor } : {}),
      });
      putMembers(props.channel.workspace_id, page.results);
      void pullPresence(
        props.channel.workspace_id,
        page.results.map((member) => member.user_id),
      ).catch(() => undefined);
      // The server may not search here; what it sent is then narrowed down.
      const matching = page.results.filter((m) =>
        `${m.name} ${m.handle}`.toLowerCase().includes(q.toLowerCase()),
      );
      setMembers(more ? [...members(), ...matching] : matching);
      setNext(page.next_cursor);
    } catch (error) {
      toastError(error);
    }
    setLoading(false);
  };
  createEffect(on([query, () => props.channel.member_count], () => void load(false)));
  const role = () => state.workspaces[props.channel.workspace_id]?.role;
  const canRemove = (member: Member) =>
    member.user_id !== myId() &&
    !isDirect(props.channel) &&
    props.channel.is_member &&
    (role() === "owner" || role() === "admin" || props.channel.creator_id === myId());
  return (
    <div class="form" role="tabpanel">
      <div class="browse-bar">
        <div class="prefixed">
          <Icon name="search" size={16} />
          <input
            ref={search}
            class="input"
            type="search"
            aria-label={t("Search members")}
            placeholder={t("Search members")}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
        <Show when={!isDirect(props.channel) && props.channel.is_member && !props.channel.archived}>
          <button
            type="button"
            class="btn btn-primary"
            onClick={() => openDialog({ name: "add-people", channelId: props.channel.id })}
          >
            <Icon name="userPlus" size={16} /> {t("Add people")}
          </button>
        </Show>
      </div>
      <ul class="member-list" aria-label={t("Members")} aria-busy={loading()}>
        <For
          each={members()}
          fallback={<li class="side-empty">{loading() ? t("Loading…") : t("Nobody found.")}</li>}
        >
          {(member) => (
            <li class="person">
              <span class="with-dot">
                <Avatar id={member.user_id} name={member.name} size="sm" bot={member.is_bot} />
                <PresenceDot id={member.user_id} onAvatar />
              </span>
              <strong class="clip">
                {member.name}
                {member.user_id === myId() ? " (you)" : ""}
              </strong>
              <span class="muted clip">@{member.handle}</span>
              <Show when={member.role !== "member"}>
                <span class="tag">{member.role}</span>
              </Show>
              <span class="grow" />
              <Show when={member.user_id !== myId()}>
                <button
                  type="button"
                  class="tool tool-sm"
                  aria-label={t("Message {name}", { name: member.name })}
                  data-tip={t("Message")}
                  onClick={() =>
                    void openDirect(props.channel.workspace_id, [member.user_id])
                      .then(close)
                      .catch(toastError)
                  }
                >
                  <Icon name="message" size={16} />
                </button>
              </Show>
              <Show when={canRemove(member)}>
                <button
                  type="button"
                  class="tool tool-sm"
                  aria-label={t("Remove {name} from the channel", { name: member.name })}
                  data-tip={t("Remove")}
                  onClick={() =>
                    void rest.channels
                      .removeMember(props.channel.id, member.user_id)
                      .then(() => {
                        setMembers(members().filter((one) => one.user_id !== member.user_id));
                        // The button that had the focus is gone; the focus must not be lost with it.
                        search.focus();
                      })
                      .catch(toastError)
                  }
                >
                  <Icon name="x" size={16} />
                </button>
              </Show>
            </li>
          )}
        </For>
        <Show when={next()}>
          <li>
            <button type="button" class="btn btn-block" disabled={loading()} onClick={() => void load(true)}>
              {t("Show more")}
            </button>
          </li>
        </Show>
      </ul>
    </div>
  );
}

function ChannelSettings(props: { channel: Channel }): JSX.Element {
  const [name, setName] = createSignal(props.channel.name ?? "");
  const [confirming, setConfirming] = createSignal(false);
  const managed = () => {
    const role = state.workspaces[props.channel.workspace_id]?.role;
    return role === "owner" || role === "admin" || props.channel.creator_id === myId();
  };
  const rename = createForm(async () => {
    putChannel(await rest.channels.update(props.channel.id, { name: name().trim() }));
    toast(t("Renamed."));
  });
  const run = (action: () => Promise<unknown>, then: string) =>
    void action()
      .then(() => {
        close();
        toast(then);
      })
      .catch(toastError);
  return (
    <div class="form" role="tabpanel">
      <Show when={!props.channel.archived}>
        <form class="field" onSubmit={rename.onSubmit}>
          <label for="rename">{t("Channel name")}</label>
          <div class="inline">
            <input
              id="rename"
              class="input"
              maxLength={80}
              value={name()}
              onInput={(event) => setName(event.currentTarget.value)}
            />
            <button
              type="submit"
              class="btn"
              disabled={rename.busy() || !name().trim() || name() === props.channel.name}
            >
              {t("Rename")}
            </button>
          </div>
          <FormError text={rename.error()} />
        </form>
      </Show>
      <Show when={!props.channel.archived && managed()}>
        <label class="also">
          <input
            type="checkbox"
            checked={props.channel.posting === "admins"}
            onChange={(event) =>
              void rest.channels
                .update(props.channel.id, { posting: event.currentTarget.checked ? "admins" : "everyone" })
                .then(putChannel, toastError)
            }
          />
          {t("For announcements: only admins post, everyone can reply")}
        </label>
      </Show>
      <div class="setting">
        <div>
          <strong>{t("Leave the channel")}</strong>
          <p class="hint">
            {props.channel.kind === "private"
              ? t("You need to be added again to come back.")
              : t("You can join again whenever you like.")}
          </p>
        </div>
        <button
          type="button"
          class="btn"
          onClick={() => run(() => leaveChannel(props.channel), t("You left the channel."))}
        >
          <Icon name="leave" size={16} /> {t("Leave channel")}
        </button>
      </div>
      <div class="setting">
        <div>
          <strong>{props.channel.archived ? t("Unarchive the channel") : t("Archive the channel")}</strong>
          <p class="hint">
            {props.channel.archived
              ? t("Everybody can post in it again.")
              : t("It stays readable for its members, but nothing more can be posted.")}
          </p>
        </div>
        <Show
          when={!props.channel.archived}
          fallback={
            <button
              type="button"
              class="btn"
              onClick={() =>
                run(async () => putChannel(await rest.channels.unarchive(props.channel.id)), "Unarchived.")
              }
            >
              {t("Unarchive channel")}
            </button>
          }
        >
          <Show
            when={confirming()}
            fallback={
              <button type="button" class="btn" onClick={() => setConfirming(true)}>
                <Icon name="archive" size={16} /> {t("Archive channel")}
              </button>
            }
          >
            <button
              type="button"
              class="btn btn-danger"
              onClick={() =>
                run(async () => putChannel(await rest.channels.archive(props.channel.id)), "Archived.")
              }
            >
              {t("Yes, archive it")}
            </button>
          </Show>
        </Show>
      </div>
    </div>
  );
}

function ChannelFiles(props: { channelId: Id }): JSX.Element {
  const [files, setFiles] = createSignal<Upload[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const [status, setStatus] = createSignal<"loading" | "ready" | "error">("loading");
  const load = async (cursor?: string) => {
    setStatus("loading");
    try {
      const page = await rest.files.ofChannel(props.channelId, cursor ? { cursor } : {});
      setFiles((known) => (cursor ? [...known, ...page.results] : page.results));
      setNext(page.next_cursor);
      setStatus("ready");
    } catch {
      setStatus("error");
    }
  };
  onMount(() => void load());
  return (
    <div class="channel-files" data-testid="channel-files" aria-busy={status() === "loading"}>
      <For
        each={files()}
        fallback={
          <p class="empty-note">
            {status() === "loading"
              ? t("Loading…")
              : status() === "error"
                ? t("The list can't be had now. Close it and try again.")
                : t("Nobody has shared a file here yet.")}
          </p>
        }
      >
        {(file) => <FileCard file={file} />}
      </For>
      <Show when={next()}>
        {(cursor) => (
          <button type="button" class="btn btn-block" onClick={() => void load(cursor())}>
            {t("Show more")}
          </button>
        )}
      </Show>
    </div>
  );
}
