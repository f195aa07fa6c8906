import { ApiError, type Hit, type Id } from "@slackclone/client";
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  Match,
  on,
  onMount,
  Show,
  Switch,
} from "solid-js";
import { t, tn } from "../i18n";
import { follow, href } from "../router";
import { closeSearch, FILTERS, placeOf, query, setQuery } from "../state/search";
import { labelOf, myId, nameOf, state } from "../state/store";
import { now } from "../state/ui";
import { visitChannel } from "../state/verbs";
import { rest } from "../state/wire";
import { ago, full } from "../text/time";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";
import { Skeleton } from "./Timeline";
import { ViewHead } from "./ViewHead";
import "../styles/search.css";

const PAUSE_MS = 250;
const SUGGESTED = 8;
const BEHIND_MS = 60_000;

interface Found {
  hits: Hit[];
  next: string | null;
  notes: string[];
  until: number | null;
}

/** Search in a workspace. Everything that was found is shown as text: the server cuts it into parts that match or don't. */
export default function SearchView(props: { workspaceId: Id }): JSX.Element {
  let input!: HTMLInputElement;
  let list: HTMLOListElement | undefined;
  const [sort, setSort] = createSignal<"newest" | "best">("newest");
  const [found, setFound] = createSignal<Found | null>(null);
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal<string | null>(null);
  const [suggesting, setSuggesting] = createSignal(false);
  const [active, setActive] = createSignal(-1);
  let asked = 0;
  let timer = 0;

  onMount(() => {
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  });

  const ask = async (more = false) => {
    const q = query().trim();
    asked += 1;
    const mine = asked;
    setError(null);
    if (!q) {
      setFound(null);
      setBusy(false);
      return;
    }
    setBusy(true);
    try {
      const answer = await rest.workspaces.search(props.workspaceId, {
        q,
        sort: sort(),
        tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
        cursor: more ? (found()?.next ?? undefined) : undefined,
      });
      if (mine !== asked) return;
      setFound({
        hits: more ? [...(found()?.hits ?? []), ...answer.results] : answer.results,
        next: answer.next_cursor,
        notes: answer.notes,
        until: answer.indexed_until,
      });
      for (const { message } of answer.results) {
        if (!state.channels[message.channel_id]) void visitChannel(message.channel_id);
      }
    } catch (problem) {
      if (mine === asked)
        setError(problem instanceof ApiError ? reason(problem) : t("Something went wrong."));
    }
    if (mine === asked) setBusy(false);
  };

  createEffect(
    on([query, sort, () => props.workspaceId], () => {
      clearTimeout(timer);
      timer = setTimeout(() => void ask(), found() ? PAUSE_MS : 0);
    }),
  );

  const suggestions = createMemo(() => (suggesting() ? suggest(props.workspaceId, query()) : []));
  const take = (text: string) => {
    const before = query().replace(/\S*$/, "");
    setQuery(before + text + (text.endsWith(":") ? "" : " "));
    setActive(-1);
    input.focus();
  };
  const toggle = (filter: string) => {
    const parts = query().split(/\s+/).filter(Boolean);
    setQuery(
      parts.includes(filter)
        ? parts.filter((part) => part !== filter).join(" ")
        : [...parts, filter].join(" "),
    );
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const count = suggestions().length;
    if (event.key === "ArrowDown" && count > 0) setActive((n) => (n + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setActive((n) => (n <= 0 ? count : n) - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && count > 0 && active() >= 0)
      take(suggestions()[active()]?.text ?? "");
    else if (event.key === "Enter") setSuggesting(false);
    else if (event.key === "ArrowDown") list?.querySelector<HTMLElement>("a")?.focus();
    else if (event.key === "Escape" && count > 0) setSuggesting(false);
    else if (event.key === "Escape") closeSearch();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onListKey = (event: KeyboardEvent) => {
    const links = [...(list?.querySelectorAll<HTMLElement>("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at > 0) links[at - 1]?.focus();
    else if (event.key === "ArrowUp") input.focus();
    else return;
    event.preventDefault();
  };

  const behind = () => {
    const until = found()?.until;
    return until !== undefined && (until === null || now() - until > BEHIND_MS);
  };

  return (
    <main class="main" id="main" aria-label={t("Search")}>
      <ViewHead class="search-head">
        <h1 class="visually-hidden">{t("Search")}</h1>
        <search class="search-box">
          <Icon name="search" size={16} />
          <input
            ref={input}
            type="text"
            data-testid="search-input"
            autocomplete="off"
            spellcheck={false}
            maxLength={400}
            placeholder={t("Search messages")}
            aria-label={t("Search messages")}
            role="combobox"
            aria-expanded={suggestions().length > 0}
            aria-controls="search-suggestions"
            aria-activedescendant={active() >= 0 ? `suggestion-${active()}` : undefined}
            value={query()}
            onInput={(event) => {
              setQuery(event.currentTarget.value);
              setSuggesting(true);
              setActive(-1);
            }}
            onFocus={() => setSuggesting(true)}
            onBlur={() => setTimeout(() => setSuggesting(false), 150)}
            onKeyDown={onKeyDown}
          />
          <Show when={query()}>
            <button
              type="button"
              class="tool"
              aria-label={t("Clear the search")}
              onClick={() => {
                setQuery("");
                input.focus();
              }}
            >
              <Icon name="x" size={16} />
            </button>
          </Show>
          <div
            id="search-suggestions"
            role="listbox"
            aria-label={t("Suggestions")}
            class="search-suggestions"
          >
            <For each={suggestions()}>
              {(one, index) => (
                <div
                  role="option"
                  tabIndex={-1}
                  id={`suggestion-${index()}`}
                  aria-selected={index() === active()}
                  class="person"
                  classList={{ "person-active": index() === active() }}
                  onPointerDown={(event) => {
                    event.preventDefault();
                    take(one.text);
                  }}
                >
                  <strong>{one.text}</strong> <span class="muted clip">{one.what}</span>
                </div>
              )}
            </For>
          </div>
        </search>
        <button type="button" class="tool" aria-label={t("Close the search")} onClick={closeSearch}>
          <Icon name="x" size={18} />
        </button>
      </ViewHead>
      <div class="search-filters" role="toolbar" aria-label={t("Filters")}>
        <For each={["has:link", "has:file", "has:reaction", "is:thread", "from:me"]}>
          {(filter) => (
            <button
              type="button"
              class="btn btn-sm"
              aria-pressed={query().split(/\s+/).includes(filter)}
              onClick={() => toggle(filter)}
            >
              {filter}
            </button>
          )}
        </For>
        <span class="grow" />
        <label class="search-sort">
          <span class="visually-hidden">{t("Order")}</span>
          <select
            value={sort()}
            onChange={(event) => setSort(event.currentTarget.value as "newest" | "best")}
          >
            <option value="newest">{t("Newest first")}</option>
            <option value="best">{t("Best first")}</option>
          </select>
        </label>
      </div>
      <div class="search-results" data-testid="search-results" aria-busy={busy()}>
        <For each={found()?.notes ?? []}>{(note) => <p class="hint">{note}</p>}</For>
        <Show when={behind()}>
          <p class="hint">
            {found()?.until
              ? t("The search is still catching up: it knows messages up to {time}.", {
                  time: full(found()?.until ?? 0),
                })
              : t("The search is still catching up.")}
          </p>
        </Show>
        <Switch>
          <Match when={error()}>
            {(text) => (
              <div class="empty" role="alert">
                <h2>{t("That did not work")}</h2>
                <p class="muted">{text()}</p>
                <button type="button" class="btn" onClick={() => void ask()}>
                  {t("Try again")}
                </button>
              </div>
            )}
          </Match>
          <Match when={busy() && !found()}>
            <Skeleton rows={5} />
          </Match>
          <Match when={!found()}>
            <div class="empty">
              <div class="empty-art">
                <Icon name="search" size={34} />
              </div>
              <h2>{t("Find what was said")}</h2>
              <p class="muted">{t("Words and parts of words, in every channel that you can see.")}</p>
              <ul class="search-hints">
                <For each={FILTERS}>
                  {(filter) => (
                    <li>
                      <button type="button" class="btn btn-sm" onClick={() => take(filter.text)}>
                        {filter.text}
                      </button>{" "}
                      <span class="muted">{filter.what}</span>
                    </li>
                  )}
                </For>
              </ul>
            </div>
          </Match>
          <Match when={found()?.hits.length === 0}>
            <div class="empty">
              <div class="empty-art">
                <Icon name="search" size={34} />
              </div>
              <h2>{t("Nothing found")}</h2>
              <p class="muted">
                {t("Fewer words or filters find more. Only channels that you can see are searched.")}
              </p>
            </div>
          </Match>
          <Match when={found()}>
            {(shown) => (
              <>
                <ol ref={list} class="search-hits" onKeyDown={onListKey}>
                  <For each={shown().hits}>
                    {(hit) => <HitRow hit={hit} workspaceId={props.workspaceId} />}
                  </For>
                </ol>
                <Show when={shown().next}>
                  <button
                    type="button"
                    class="btn btn-block"
                    disabled={busy()}
                    onClick={() => void ask(true)}
                  >
                    {t("Show more")}
                  </button>
                </Show>
              </>
            )}
          </Match>
        </Switch>
        <p class="visually-hidden" role="status">
          {busy()
            ? t("Searching")
            : found()
              ? found()?.next
                ? tn("{count} result and more", "{count} results and more", found()?.hits.length ?? 0)
                : tn("{count} result", "{count} results", found()?.hits.length ?? 0)
              : ""}
        </p>
      </div>
    </main>
  );
}

function HitRow(props: { hit: Hit; workspaceId: Id }): JSX.Element {
  const message = () => props.hit.message;
  const channel = () => state.channels[message().channel_id];
  const name = () => nameOf(props.workspaceId, message().sender_id);
  const place = () =>
    message().thread_id && !message().also_in_channel
      ? { thread: message().thread_id }
      : { message: message().message_id };
  const link = () => href({ workspace: props.workspaceId, channel: message().channel_id, ...place() });
  return (
    <li>
      <a class="search-hit" data-testid="search-hit" href={link()} onClick={(event) => follow(event, link())}>
        <span class="search-place muted">
          {channel() ? labelOf(channel() as NonNullable<ReturnType<typeof channel>>) : "…"}
          <Show when={message().thread_id}> {t("· in a thread")}</Show>
        </span>
        <span class="search-who">
          <Avatar id={message().sender_id} name={name()} size="xs" />
          <strong class="clip">{name()}</strong>
          <time
            class="muted"
            dateTime={new Date(message().timestamp).toISOString()}
            title={full(message().timestamp)}
          >
            {ago(message().timestamp, now())}
          </time>
        </span>
        <span class="search-text">
          <For each={props.hit.snippet}>{(part) => (part.match ? <mark>{part.text}</mark> : part.text)}</For>
        </span>
      </a>
    </li>
  );
}

/** What could complete the word that is being typed. */
function suggest(workspaceId: Id, typed: string): { text: string; what: string }[] {
  const last = /\S*$/.exec(typed)?.[0].toLowerCase() ?? "";
  if (!last) return [];
  const [, minus = "", name, rest = ""] = /^(-?)(from|in):[#@]?(.*)$/.exec(last) ?? [];
  const people = Object.values(state.members[workspaceId] ?? {}).filter(
    (member) => member.handle.startsWith(rest) || member.name.toLowerCase().includes(rest),
  );
  if (name === "from") {
    const me = "me".startsWith(rest) ? [{ text: `${minus}from:me`, what: "yourself" }] : [];
    const others = people
      .filter((member) => member.user_id !== myId())
      .map((member) => ({ text: `${minus}from:@${member.handle}`, what: member.name }));
    return [...me, ...others].slice(0, SUGGESTED);
  }
  if (name === "in") {
    return Object.values(state.channels)
      .filter((channel) => channel.workspace_id === workspaceId)
      .map((channel) => ({ text: placeOf(channel.id), what: labelOf(channel) }))
      .filter((one): one is { text: string; what: string } => one.text?.slice(1).includes(rest) === true)
      .sort((a, b) => Number(b.text.startsWith(rest, 1)) - Number(a.text.startsWith(rest, 1)))
      .map((one) => ({ ...one, text: `${minus}in:${one.text}` }))
      .slice(0, SUGGESTED);
  }
  return FILTERS.filter((filter) => filter.text.startsWith(last) && filter.text !== last);
}

function reason(error: ApiError): string {
  const first = Object.values(error.fields ?? {})[0]?.[0];
  return first ?? error.message;
}
