import {
  createEffect,
  type JSX,
  lazy,
  Match,
  on,
  onCleanup,
  onMount,
  Show,
  Suspense,
  Switch,
  untrack,
} from "solid-js";
import { Banner } from "./components/Banner";
import { ChannelView, Landing } from "./components/ChannelView";
import { PushOffer } from "./components/PushOffer";
import { Rail, Sidebar } from "./components/Sidebar";
import { ThreadsView } from "./components/ThreadsView";
import { Skeleton } from "./components/Timeline";
import { Toasts } from "./components/Toasts";
import { locale, t } from "./i18n";
import { dropLayer, href, navigate, pushLayer, route } from "./router";
import { showFavicon } from "./state/favicon";
import { watchGestures } from "./state/gestures";
import { onKeyDown } from "./state/keys";
import { keep, kept } from "./state/local";
import { offer } from "./state/notify";
import { startPresence } from "./state/presence";
import { threadsUnread, waitingIn } from "./state/reads";
import { start } from "./state/session";
import { state, titleOf } from "./state/store";
import { beginTour, tourStep } from "./state/tour";
import { dialog, drawer, emojiRequest, isPhone, openDialog, profileRequest, setDrawer } from "./state/ui";
import { myChannels } from "./state/verbs";
import { noteVisit } from "./state/visits";
import { startWorker } from "./state/worker";
import { setZone } from "./text/zone";

const UnreadsView = lazy(() => import("./components/UnreadsView"));
const ActivityView = lazy(() => import("./components/ActivityView"));
const VIEW_TITLES: Record<string, () => string> = {
  threads: () => t("Threads"),
  search: () => t("Search"),
  unreads: () => t("Unreads"),
  activity: () => t("Activity"),
};
const Dialogs = lazy(() => import("./dialogs/Dialogs"));
const ProfileCard = lazy(() => import("./components/ProfileCard"));
const EmojiPicker = lazy(() => import("./components/EmojiPicker"));
const SearchView = lazy(() => import("./components/SearchView"));
const Tour = lazy(() => import("./components/Tour"));
const FirstRun = lazy(() => import("./dialogs/FirstRun"));

export function App(): JSX.Element {
  onMount(() => {
    // The dialogs come once there is nothing better to do, so that the first one opens at once.
    void start().then(() => {
      if (state.boot === "ready") startPresence();
      whenIdle(() => void startWorker().catch(() => undefined));
      whenIdle(() => void import("./dialogs/Dialogs").catch(() => undefined));
    });
    window.addEventListener("keydown", onKeyDown);
    onCleanup(() => window.removeEventListener("keydown", onKeyDown));
    onCleanup(watchGestures(document.body));
  });

  createEffect(() => setZone(state.me?.timezone_automatic === false ? state.me.timezone : ""));
  // The page may be one that was kept before the language was chosen.
  createEffect(() => {
    if (!state.me) return;
    const chosen = state.me.language_automatic === false ? (state.me.language ?? "") : "";
    if ((kept("language") ?? "") === chosen) return;
    keep("language", chosen);
    if (chosen && chosen !== untrack(locale) && !kept("pseudo")) location.reload();
  });

  const workspaceId = () => {
    const wanted = route().workspace;
    return wanted && state.workspaces[wanted] ? wanted : null;
  };

  // An address without a workspace, or without a channel, leads to where one was last.
  createEffect(() => {
    if (state.boot !== "ready" || state.workspaceIds.length === 0) return;
    if (!workspaceId()) {
      const last = kept("workspace");
      const target = last && state.workspaces[last] ? last : state.workspaceIds[0];
      const { view } = route();
      const wanted = view === "none" || view === "channel" ? {} : { view };
      if (target) navigate(href({ workspace: target, ...wanted }), { replace: true });
    }
  });
  createEffect(() => {
    const id = workspaceId();
    if (!id || route().view !== "none" || !state.loaded[id]) return;
    const { rooms, direct } = myChannels(id);
    const last = kept(`channel:${id}`);
    const target =
      (last && state.channels[last]?.is_member ? state.channels[last] : undefined) ??
      rooms.find((channel) => channel.name === "general") ??
      rooms[0] ??
      direct[0];
    if (target) navigate(href({ workspace: id, channel: target.id }), { replace: true });
  });
  createEffect(
    on([workspaceId, () => route().channel], ([id, channel]) => {
      if (!id) return;
      keep("workspace", id);
      if (!channel) return;
      keep(`channel:${id}`, channel);
      noteVisit(id, channel);
    }),
  );

  createEffect(() => {
    const inChannels = state.workspaceIds.map(waitingIn);
    const inThreads = state.workspaceIds.map(threadsUnread);
    const badges =
      inChannels.reduce((sum, one) => sum + one.badges, 0) +
      inThreads.reduce((sum, one) => sum + one.mentions, 0);
    const unread = inChannels.some((one) => one.unread) || inThreads.some((one) => one.unread > 0);
    const shown = route().channel ? state.channels[route().channel ?? ""] : undefined;
    const place = shown ? titleOf(shown) : (VIEW_TITLES[route().view]?.() ?? "");
    const workspace = state.workspaces[workspaceId() ?? ""]?.name ?? "slackclone";
    const mark = badges > 0 ? `(${badges}) ` : unread ? "• " : "";
    document.title = `${mark}${place ? `${place} – ` : ""}${workspace}`;
    showFavicon(badges, unread);
  });

  // Whoever comes for the first time, and sees a channel with nothing else that asks for them, is shown around.
  createEffect(() => {
    const id = workspaceId();
    if (state.me?.toured !== false || state.connection.name !== "open" || offer() || dialog()) return;
    if (id && state.loaded[id] && route().view === "channel") void untrack(beginTour);
  });

  // On a phone the way back closes what lies over the page before it leaves the page.
  createEffect(
    on(
      () => isPhone() && (dialog() !== null || drawer()),
      (over, was) => {
        if (over) pushLayer(() => (dialog() ? openDialog(null) : setDrawer(false)));
        else if (was) dropLayer();
      },
      { defer: true },
    ),
  );

  return (
    <>
      <a class="skip-link" href="#main">
        {t("Skip to the messages")}
      </a>
      <Banner />
      <PushOffer />
      <Show
        when={
          tourStep() !== null && !offer() && route().view === "channel" && !route().thread && !route().canvas
        }
      >
        <Suspense>
          <Tour />
        </Suspense>
      </Show>
      <Switch fallback={<Splash />}>
        <Match when={state.boot === "error"}>
          <main class="full empty" id="main">
            <h1>{t("slackclone can't be reached")}</h1>
            <p class="muted">{t("Check your connection, then try again.")}</p>
            <button type="button" class="btn btn-primary" onClick={() => location.reload()}>
              {t("Try again")}
            </button>
          </main>
        </Match>
        <Match when={state.boot === "ready" && state.workspaceIds.length === 0}>
          <Suspense>
            <FirstRun />
          </Suspense>
        </Match>
        <Match when={state.boot === "ready" && workspaceId()}>
          {(id) => (
            <div
              class="shell"
              classList={{
                "shell-thread": route().thread !== null,
                "shell-canvas": route().canvas,
                "shell-drawer": drawer() || (isPhone() && route().view === "none"),
              }}
              data-testid="app"
            >
              <div class="left" inert={isPhone() && !drawer() && route().view !== "none"}>
                <Rail />
                <Sidebar workspaceId={id()} />
              </div>
              <Show when={isPhone() && drawer()}>
                <button
                  type="button"
                  class="scrim"
                  aria-label={t("Close the sidebar")}
                  onClick={() => setDrawer(false)}
                />
              </Show>
              <Switch fallback={<Landing workspaceId={id()} />}>
                <Match when={route().view === "channel"}>
                  <ChannelView />
                </Match>
                <Match when={route().view === "search"}>
                  <Suspense>
                    <SearchView workspaceId={id()} />
                  </Suspense>
                </Match>
                <Match when={route().view === "unreads"}>
                  <Suspense fallback={<Skeleton />}>
                    <UnreadsView workspaceId={id()} />
                  </Suspense>
                </Match>
                <Match when={route().view === "activity"}>
                  <Suspense fallback={<Skeleton />}>
                    <ActivityView workspaceId={id()} />
                  </Suspense>
                </Match>
                <Match when={route().view === "threads"}>
                  <ThreadsView workspaceId={id()} />
                </Match>
              </Switch>
            </div>
          )}
        </Match>
      </Switch>
      <Show when={dialog()}>
        <Suspense>
          <Dialogs />
        </Suspense>
      </Show>
      <Show when={profileRequest()} keyed>
        {(_request) => (
          <Suspense>
            <ProfileCard />
          </Suspense>
        )}
      </Show>
      <Show when={emojiRequest()}>
        <Suspense>
          <EmojiPicker />
        </Suspense>
      </Show>
      <Toasts />
    </>
  );
}

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 5000 });
  else setTimeout(run, 1500);
}

function Splash(): JSX.Element {
  return (
    <div class="full splash" role="status">
      <span class="brand">slackclone</span>
      <span class="visually-hidden">{t("Loading")}</span>
    </div>
  );
}
