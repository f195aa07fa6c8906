import type { Channel, Id, Member } from "@slackclone/client";
import { createEffect, createMemo, createResource, createSignal, For, type JSX, on, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { ChannelGlyph } from "../components/ChannelGlyph";
import { t } from "../i18n";
import { route } from "../router";
import { putChannel } from "../state/channels";
import { unreadOf } from "../state/reads";
import { isDirect, myId, partnersOf, state, titleOf } from "../state/store";
import { toastError } from "../state/toasts";
import { goTo, openDirect } from "../state/verbs";
import { nextPlaces, visitsOf } from "../state/visits";
import { rest } from "../state/wire";
import { close, createDebounced, latestOf, Modal } from "./parts";

type Place = { kind: "channel"; channel: Channel } | { kind: "person"; member: Member };

const SHOWN = 12;

export function Switcher(props: { workspaceId: Id }): JSX.Element {
  let list!: HTMLDivElement;
  const [query, setQuery] = createSignal("");
  const [asked, ask] = createDebounced(150);
  const [active, setActive] = createSignal(0);

  // Public channels that one is not in are the server's to find.
  const [found] = createResource(
    () => asked().trim() || null,
    async (q) => {
      const page = await rest.workspaces.channels(props.workspaceId, { filter: "browse", q, limit: 20 });
      for (const channel of page.results) putChannel(channel);
      return page.results.map((channel) => channel.id);
    },
    { initialValue: [] as Id[] },
  );

  const places = createMemo<Place[]>(() => {
    const q = query().trim().toLowerCase().replace(/^[#@]/, "");
    const channels = Object.values(state.channels).filter(
      (c) =>
        c.workspace_id === props.workspaceId &&
        (c.is_member || (q && !c.archived && latestOf(found, []).includes(c.id))),
    );
    if (!q) {
      const at = {
        visits: visitsOf(props.workspaceId),
        current: route().channel,
        unread: (channel: Channel) => unreadOf(channel) > 0,
      };
      return nextPlaces(channels, at)
        .slice(0, SHOWN)
        .map((channel): Place => ({ kind: "channel", channel }));
    }
    const ranked = channels
      .map((channel) => ({ channel, rank: rank(titleOf(channel), q) }))
      .filter((one) => one.rank >= 0)
      .sort(
        (a, b) =>
          a.rank - b.rank ||
          Number(unreadOf(b.channel) > 0) - Number(unreadOf(a.channel) > 0) ||
          (b.channel.last_message_at ?? 0) - (a.channel.last_message_at ?? 0),
      )
      .map(({ channel }): Place => ({ kind: "channel", channel }));
    const already = new Set(
      channels.filter((c) => c.kind === "dm").flatMap((channel) => partnersOf(channel)),
    );
    const people = Object.values(state.members[props.workspaceId] ?? {})
      .filter((member) => member.active && !already.has(member.user_id))
      .filter((member) => rank(`${member.name} ${member.handle}`, q) >= 0)
      .slice(0, SHOWN)
      .map((member): Place => ({ kind: "person", member }));
    return [...ranked, ...people].slice(0, SHOWN);
  });

  createEffect(on(places, () => setActive(0), { defer: true }));

  const go = (place: Place | undefined) => {
    if (!place) return;
    close();
    if (place.kind === "channel") goTo(place.channel);
    else void openDirect(props.workspaceId, [place.member.user_id]).catch(toastError);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const count = places().length;
    if (event.key === "ArrowDown" && count > 0) setActive((n) => (n + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setActive((n) => (n + count - 1) % count);
    else if (event.key === "Enter") go(places()[active()]);
    else return;
    event.preventDefault();
    list.children[active()]?.scrollIntoView({ block: "nearest" });
  };

  return (
    <Modal title={t("Jump to")} hideTitle top>
      <input
        class="switcher-input"
        type="text"
        placeholder={t("Jump to a channel or person…")}
        aria-label={t("Jump to a channel or person")}
        role="combobox"
        aria-expanded="true"
        aria-controls="switcher-list"
        aria-activedescendant={places().length > 0 ? `place-${active()}` : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          ask(event.currentTarget.value);
        }}
        onKeyDown={onKeyDown}
      />
      <div class="switcher-list" ref={list} id="switcher-list" role="listbox" aria-label={t("Places")}>
        <For each={places()} fallback={<p class="side-empty">{t("Nothing is called like that.")}</p>}>
          {(place, index) => (
            <div
              class="person"
              classList={{ "person-active": index() === active() }}
              id={`place-${index()}`}
              role="option"
              tabIndex={-1}
              aria-selected={index() === active()}
              onPointerMove={() => setActive(index())}
              onClick={() => go(place)}
              onKeyDown={(event) => event.key === "Enter" && go(place)}
            >
              {place.kind === "channel" ? (
                <>
                  <ChannelGlyph channel={place.channel} />
                  <strong class="clip">{titleOf(place.channel)}</strong>
                  <span class="grow" />
                  <Show when={unreadOf(place.channel) > 0 && place.channel.is_member}>
                    <span class="tag tag-accent">{t("unread")}</span>
                  </Show>
                  <Show when={!place.channel.is_member}>
                    <span class="tag">{t("not joined")}</span>
                  </Show>
                  <Show when={place.channel.archived}>
                    <span class="tag">{t("archived")}</span>
                  </Show>
                  <Show when={isDirect(place.channel)}>
                    <span class="muted">{t("direct")}</span>
                  </Show>
                </>
              ) : (
                <>
                  <Avatar
                    id={place.member.user_id}
                    name={place.member.name}
                    size="xs"
                    bot={place.member.is_bot}
                  />
                  <strong class="clip">
                    {place.member.user_id === myId()
                      ? t("{name} (you)", { name: place.member.name })
                      : place.member.name}
                  </strong>
                  <span class="muted clip">@{place.member.handle}</span>
                </>
              )}
            </div>
          )}
        </For>
      </div>
      <footer class="switcher-foot muted">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {t("choose")}
        </span>
        <span>
          <kbd>{t("Enter")}</kbd> {t("open")}
        </span>
        <span>
          <kbd>{t("Esc")}</kbd> {t("close")}
        </span>
      </footer>
    </Modal>
  );
}

function rank(title: string, query: string): number {
  const lower = title.toLowerCase();
  if (lower.startsWith(query)) return 0;
  if (lower.split(/[\s\-_.,]+/).some((word) => word.startsWith(query))) return 1;
  if (lower.includes(query)) return 2;
  return scattered(lower, query) ? 3 : -1;
}

/** Whether the letters come in this order, with others between them: "gnrl" is general. */
function scattered(title: string, query: string): boolean {
  let at = -1;
  for (const char of query) {
    at = title.indexOf(char, at + 1);
    if (at < 0) return false;
  }
  return query.length > 1;
}
