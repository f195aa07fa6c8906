import { DropdownMenu } from "@kobalte/core/dropdown-menu";
import type { Channel, Id } from "@slackclone/client";
import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { t, tn } from "../i18n";
import { follow, href, isShown, route } from "../router";
import { arrange, arranged, dueReminders, hasDraft, layoutOf } from "../state/desk";
import { keep, kept } from "../state/local";
import { isMuted } from "../state/notify";
import {
  type Dragged,
  dragged,
  fits,
  moveSection,
  placeChannel,
  setDragged,
  type Target,
} from "../state/placing";
import { attempt, mine, setAway } from "../state/presence";
import { badgeOf, threadsUnread, unreadOf, waitingIn } from "../state/reads";
import { openSearch } from "../state/search";
import { signOut } from "../state/session";
import { myId, partnersOf, state, titleOf } from "../state/store";
import { toastError } from "../state/toasts";
import { openDialog, setDrawer } from "../state/ui";
import { Avatar, initialsOf } from "./Avatar";
import { ChannelGlyph } from "./ChannelGlyph";
import { Icon, type IconName } from "./Icon";
import { PresenceDot, StatusEmoji } from "./PresenceDot";

export function Rail(): JSX.Element {
  const unread = (workspaceId: Id) => waitingIn(workspaceId).unread;
  return (
    <nav class="rail" aria-label={t("Workspaces")}>
      <For each={state.workspaceIds}>
        {(id) => {
          const workspace = () => state.workspaces[id];
          return (
            <a
              class="rail-item"
              classList={{ "rail-current": route().workspace === id }}
              href={href({ workspace: id })}
              aria-current={route().workspace === id ? "page" : undefined}
              aria-label={
                unread(id)
                  ? t("{name}, unread messages", { name: workspace()?.name ?? "" })
                  : (workspace()?.name ?? "")
              }
              data-initials={initialsOf(workspace()?.name ?? "")}
              data-tip={workspace()?.name}
              data-tip-side="right"
              onClick={(event) => follow(event, href({ workspace: id }))}
            >
              <Show when={route().workspace === id}>
                <span class="rail-mark" />
              </Show>
              <Show when={unread(id) && route().workspace !== id}>
                <span class="rail-dot" />
              </Show>
            </a>
          );
        }}
      </For>
      <button
        type="button"
        class="rail-item rail-add"
        aria-label={t("Create a workspace")}
        data-tip={t("Create a workspace")}
        data-tip-side="right"
        onClick={() => openDialog({ name: "create-workspace" })}
      >
        <Icon name="plus" />
      </button>
      <div class="rail-foot">
        <PersonMenu />
      </div>
    </nav>
  );
}

function PersonMenu(): JSX.Element {
  return (
    <DropdownMenu modal={false} placement="right-end" gutter={10}>
      <DropdownMenu.Trigger
        class="rail-person"
        aria-label={t("You and your settings")}
        data-testid="user-menu"
      >
        <span class="with-dot">
          <Avatar id={myId()} name={state.me?.name ?? ""} />
          <PresenceDot id={myId()} onAvatar />
        </span>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content class="menu">
          <div class="menu-person">
            <Avatar id={myId()} name={state.me?.name ?? ""} />
            <div>
              <strong>
                {state.me?.name} <StatusEmoji id={myId()} />
              </strong>
              <div class="muted">{state.me?.email}</div>
            </div>
          </div>
          <DropdownMenu.Separator class="menu-line" />
          <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "status" })}>
            <Icon name="smile" size={16} /> {state.me?.status ? t("Change your status") : t("Set a status")}
          </DropdownMenu.Item>
          <DropdownMenu.Item class="menu-item" onSelect={() => attempt(setAway(!mine.away))}>
            <Icon name="clock" size={16} />{" "}
            {mine.away ? t("Show yourself as active") : t("Show yourself as away")}
          </DropdownMenu.Item>
          <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "dnd" })}>
            <Icon name={mine.dnd.on ? "bellSleep" : "bell"} size={16} />{" "}
            {mine.dnd.on ? t("Notifications are paused") : t("Pause notifications")}
          </DropdownMenu.Item>
          <DropdownMenu.Separator class="menu-line" />
          <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "settings" })}>
            <Icon name="settings" size={16} /> {t("Settings")}
          </DropdownMenu.Item>
          <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "shortcuts" })}>
            <Icon name="keyboard" size={16} /> {t("Keyboard shortcuts")} <kbd>?</kbd>
          </DropdownMenu.Item>
          <DropdownMenu.Separator class="menu-line" />
          <DropdownMenu.Item class="menu-item" onSelect={() => void signOut().catch(toastError)}>
            <Icon name="leave" size={16} /> {t("Sign out")}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu>
  );
}

export function Sidebar(props: { workspaceId: Id }): JSX.Element {
  const workspace = () => state.workspaces[props.workspaceId];
  const lists = createMemo(() => arranged(props.workspaceId));
  const isAdmin = () => workspace()?.role === "owner" || workspace()?.role === "admin";
  const isGuest = () => workspace()?.role === "guest";
  return (
    <nav class="sidebar" aria-label={t("Channels and conversations")} data-testid="sidebar">
      <header class="sidebar-head">
        <DropdownMenu modal={false} placement="bottom-start" gutter={6}>
          <DropdownMenu.Trigger class="workspace-name" data-testid="workspace-menu">
            <span class="clip">{workspace()?.name}</span>
            <Icon name="chevronDown" size={15} />
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content class="menu menu-wide">
              <Show when={!isGuest()}>
                <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "invite" })}>
                  <Icon name="userPlus" size={16} /> {t("Invite people")}
                </DropdownMenu.Item>
                <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "create-channel" })}>
                  <Icon name="plus" size={16} /> {t("Create a channel")}
                </DropdownMenu.Item>
                <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "groups" })}>
                  <Icon name="at" size={16} /> {t("Groups")}
                </DropdownMenu.Item>
                <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "own-emoji" })}>
                  <Icon name="smilePlus" size={16} /> {t("Emoji of this workspace")}
                </DropdownMenu.Item>
              </Show>
              <Show when={isAdmin()}>
                <DropdownMenu.Item
                  class="menu-item"
                  onSelect={() => location.assign(`/console/${workspace()?.id ?? ""}`)}
                >
                  <Icon name="settings" size={16} /> {t("Manage the workspace")}
                </DropdownMenu.Item>
              </Show>
              <DropdownMenu.Separator class="menu-line" />
              <DropdownMenu.Item class="menu-item" onSelect={() => openDialog({ name: "settings" })}>
                <Icon name="users" size={16} /> {t("Your settings")}
              </DropdownMenu.Item>
              <DropdownMenu.Item class="menu-item" onSelect={() => void signOut().catch(toastError)}>
                <Icon name="leave" size={16} /> {t("Sign out")}
              </DropdownMenu.Item>
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu>
        <button
          type="button"
          class="tool tool-raised"
          aria-label={t("New message")}
          data-tip={t("New message")}
          data-tip-side="bottom"
          onClick={() => openDialog({ name: "new-dm" })}
        >
          <Icon name="compose" size={17} />
        </button>
      </header>
      <div class="sidebar-scroll">
        <button type="button" class="jump-to" onClick={() => openDialog({ name: "switcher" })}>
          <Icon name="search" size={15} />
          <span>{t("Jump to…")}</span>
          <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <a
          class="side-item"
          data-testid="open-search"
          classList={{ "side-current": route().view === "search" }}
          href={href({ workspace: props.workspaceId, view: "search" })}
          aria-current={route().view === "search" ? "page" : undefined}
          onClick={(event) => {
            if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            openSearch();
          }}
        >
          <Icon name="search" size={16} />
          <span class="clip">{t("Search messages")}</span>
        </a>
        <Place
          workspaceId={props.workspaceId}
          view="unreads"
          icon="list"
          label={t("Unreads")}
          unread={waitingIn(props.workspaceId).loud}
          badge={0}
        />
        <Place
          workspaceId={props.workspaceId}
          view="threads"
          icon="thread"
          label={t("Threads")}
          unread={threadsUnread(props.workspaceId).unread > 0}
          badge={threadsUnread(props.workspaceId).mentions}
        />
        <Place
          workspaceId={props.workspaceId}
          view="activity"
          icon="at"
          label={t("Activity")}
          unread={false}
          badge={0}
        />
        <button
          type="button"
          class="side-item"
          data-testid="open-later"
          onClick={() => {
            setDrawer(false);
            openDialog({ name: "later", tab: dueReminders(props.workspaceId) > 0 ? "reminders" : "saved" });
          }}
        >
          <Icon name="bookmark" size={16} />
          <span class="clip">{t("Later")}</span>
          <Show when={dueReminders(props.workspaceId) > 0}>
            <span
              class="count-badge"
              role="img"
              aria-label={tn(
                "{count} reminder is due",
                "{count} reminders are due",
                dueReminders(props.workspaceId),
              )}
            >
              {dueReminders(props.workspaceId)}
            </span>
          </Show>
        </button>
        <Show when={lists().starred.length > 0 || isChannel(dragged())}>
          <Section
            title={t("Starred")}
            keepAs="starred"
            target="starred"
            channels={lists().starred}
            empty={t("Let go here to star it.")}
            actions={null}
          />
        </Show>
        <For each={layoutOf(props.workspaceId).sections}>
          {(section) => (
            <Section
              title={section.name}
              keepAs={`section:${section.id}`}
              target={{ section: section.id }}
              channels={lists().sections.get(section.id) ?? []}
              empty={t("Nothing in here yet.")}
              actions={
                <SmallAction
                  icon="edit"
                  label={t("Arrange the sidebar")}
                  run={() => openDialog({ name: "arrange" })}
                />
              }
            />
          )}
        </For>
        <Section
          title={t("Channels")}
          keepAs="rooms"
          target="rest"
          channels={lists().rooms}
          empty={t("No channels yet.")}
          actions={
            <>
              <SmallAction
                icon="list"
                label={t("Arrange the sidebar")}
                run={() => openDialog({ name: "arrange" })}
              />
              <SmallAction
                icon="search"
                label={t("Browse channels")}
                run={() => openDialog({ name: "browse-channels" })}
              />
              <Show when={!isGuest()}>
                <SmallAction
                  icon="plus"
                  label={t("Create a channel")}
                  run={() => openDialog({ name: "create-channel" })}
                />
              </Show>
            </>
          }
        />
        <Section
          title={t("Direct messages")}
          keepAs="direct"
          target="rest"
          channels={lists().direct}
          empty={t("Write to somebody: start one.")}
          actions={
            <SmallAction
              icon="plus"
              label={t("New direct message")}
              run={() => openDialog({ name: "new-dm" })}
            />
          }
        />
        <Show when={!isGuest()}>
          <button type="button" class="side-item side-invite" onClick={() => openDialog({ name: "invite" })}>
            <Icon name="userPlus" size={16} />
            <span>{t("Invite people")}</span>
          </button>
        </Show>
      </div>
    </nav>
  );
}

/** A view of the whole workspace. */
function Place(props: {
  workspaceId: Id;
  view: "unreads" | "threads" | "activity";
  icon: IconName;
  label: string;
  unread: boolean;
  badge: number;
}): JSX.Element {
  const to = () => href({ workspace: props.workspaceId, view: props.view });
  const current = () => route().view === props.view;
  return (
    <a
      class="side-item"
      classList={{ "side-current": current(), "side-unread": props.unread && !current() }}
      href={to()}
      aria-current={current() ? "page" : undefined}
      data-testid={`sidebar-${props.view}`}
      onClick={(event) => {
        setDrawer(false);
        follow(event, to());
      }}
    >
      <Icon name={props.icon} size={16} />
      <span class="clip">{props.label}</span>
      <Show when={props.unread}>
        <span class="visually-hidden">{t(", unread")}</span>
      </Show>
      <Show when={props.badge > 0}>
        <span
          class="count-badge"
          role="img"
          aria-label={tn("{count} for you", "{count} for you", props.badge)}
        >
          {props.badge > 99 ? "99+" : props.badge}
        </span>
      </Show>
    </a>
  );
}

function SmallAction(props: { icon: IconName; label: string; run: () => void }): JSX.Element {
  return (
    <button
      type="button"
      class="tool tool-sm"
      aria-label={props.label}
      data-tip={props.label}
      onClick={props.run}
    >
      <Icon name={props.icon} size={16} />
    </button>
  );
}

const isChannel = (what: Dragged | null): boolean => what !== null && "channel" in what;

function drag(event: DragEvent, what: Dragged, title: string): void {
  // Over other windows it is no more than its name: what the link would say is of use to nobody there.
  event.dataTransfer?.setData("text/plain", title);
  if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
  // After this event: a list that changes as a drag begins ends it.
  setTimeout(() => setDragged(what));
}

function Section(props: {
  title: string;
  keepAs: string;
  target: Target;
  channels: Channel[];
  empty: string;
  actions: JSX.Element;
}): JSX.Element {
  const [over, setOver] = createSignal(false);
  const own = () => (typeof props.target === "object" ? props.target.section : null);
  const drop = (event: DragEvent) => {
    const what = dragged();
    setOver(false);
    if (!fits(what, props.target)) return;
    event.preventDefault();
    setDragged(null);
    const workspaceId = route().workspace;
    if (!what || !workspaceId) return;
    if ("channel" in what)
      void arrange(workspaceId, (layout) => placeChannel(layout, what.channel, props.target));
    else void arrange(workspaceId, (layout) => moveSection(layout, what.section, own() ?? ""));
  };
  const [closed, setClosed] = createSignal(kept(`closed:${props.keepAs}`) === "1");
  const toggle = () => keep(`closed:${props.keepAs}`, setClosed(!closed()) ? "1" : null);
  /** A closed section still shows what waits to be read, and where one is. */
  const shown = () =>
    closed() ? props.channels.filter((c) => unreadOf(c) > 0 || isShown(c.id)) : props.channels;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys and screen readers have the dialog that arranges the sidebar
    <section
      class="side-section"
      classList={{ "side-over": over() && dragged() !== null }}
      onDragOver={(event) => {
        if (!fits(dragged(), props.target)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={drop}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as above */}
      <header
        class="side-section-head"
        draggable={own() !== null}
        onDragStart={(event) => drag(event, { section: own() ?? "" }, props.title)}
        onDragEnd={() => setDragged(null)}
      >
        <button type="button" class="side-section-title" aria-expanded={!closed()} onClick={toggle}>
          <Icon name="chevronDown" size={13} class={closed() ? "turned" : ""} />
          {props.title}
        </button>
        <div class="side-section-actions">{props.actions}</div>
      </header>
      <ul class="side-list" aria-label={props.title}>
        <For each={shown()}>{(channel) => <SideItem channel={channel} />}</For>
      </ul>
      <Show when={props.channels.length === 0 && state.loaded[route().workspace ?? ""]}>
        <p class="side-empty">{props.empty}</p>
      </Show>
    </section>
  );
}

function SideItem(props: { channel: Channel }): JSX.Element {
  const to = () => href({ workspace: props.channel.workspace_id, channel: props.channel.id });
  const current = () => isShown(props.channel.id);
  const muted = () => isMuted(props.channel.id);
  const unread = () => unreadOf(props.channel) > 0 && !current() && !muted();
  const badge = () => (current() ? 0 : badgeOf(props.channel));
  return (
    <li>
      <a
        class="side-item"
        classList={{ "side-current": current(), "side-unread": unread(), "side-muted": muted() }}
        href={to()}
        aria-current={current() ? "page" : undefined}
        data-testid="sidebar-channel"
        data-channel-id={props.channel.id}
        draggable={true}
        onDragStart={(event) => drag(event, { channel: props.channel.id }, titleOf(props.channel))}
        onDragEnd={() => setDragged(null)}
        onContextMenu={(event) => {
          event.preventDefault();
          openDialog({ name: "arrange", channelId: props.channel.id });
        }}
        onClick={(event) => {
          setDrawer(false);
          follow(event, to());
        }}
      >
        <ChannelGlyph channel={props.channel} />
        <span class="clip">{titleOf(props.channel)}</span>
        <Show when={hasDraft(props.channel.id)}>
          <span class="side-draft" title={t("There is a draft")} role="img" aria-label={t("draft")}>
            <Icon name="edit" size={13} />
          </span>
        </Show>
        <Show when={props.channel.kind === "dm"}>
          <StatusEmoji id={partnersOf(props.channel)[0] ?? ""} />
        </Show>
        <Show when={unread()}>
          <span class="visually-hidden">{t(", unread")}</span>
        </Show>
        <Show when={badge() > 0}>
          <span class="count-badge" role="img" aria-label={tn("{count} for you", "{count} for you", badge())}>
            {badge() > 99 ? "99+" : badge()}
          </span>
        </Show>
      </a>
    </li>
  );
}
