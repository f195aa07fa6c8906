import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { Icon, type IconName } from "../components/Icon";
import { browserLanguage, LANGUAGES, t } from "../i18n";
import { keep } from "../state/local";
import { signOut } from "../state/session";
import { myId, setState, state } from "../state/store";
import { toast, toastError } from "../state/toasts";
import {
  composeRich,
  keepMetadata,
  now,
  openDialog,
  setComposeRich,
  setKeepMetadata,
  setTheme,
  setUndoSeconds,
  type Theme,
  theme,
  undoSeconds,
} from "../state/ui";
import { rest } from "../state/wire";
import { ago } from "../text/time";
import { browserZone, zoneName } from "../text/zone";
import { Tabs } from "./ChannelDetails";
import { NotificationSettings } from "./Notifications";
import { createForm, FormError, latestOf, Modal } from "./parts";

type Tab = "profile" | "notifications" | "appearance" | "sessions";

export function Settings(props: { tab: Tab }): JSX.Element {
  return (
    <Modal title={t("Settings")}>
      <Tabs
        current={props.tab}
        tabs={[
          { id: "profile", label: t("Profile") },
          { id: "notifications", label: t("Notifications") },
          { id: "appearance", label: t("Appearance") },
          { id: "sessions", label: t("Security") },
        ]}
        onChoose={(tab) => openDialog({ name: "settings", tab: tab as Tab })}
      />
      <Show when={props.tab === "profile"}>
        <Profile />
      </Show>
      <Show when={props.tab === "notifications"}>
        <NotificationSettings />
      </Show>
      <Show when={props.tab === "appearance"}>
        <Appearance />
      </Show>
      <Show when={props.tab === "sessions"}>
        <Security />
      </Show>
    </Modal>
  );
}

function Profile(): JSX.Element {
  const [name, setName] = createSignal(state.me?.name ?? "");
  const form = createForm(async () => {
    const me = await rest.me.update({ name: name().trim() });
    setState("me", me);
    for (const workspaceId of state.workspaceIds) {
      if (state.members[workspaceId]?.[myId()]) setState("members", workspaceId, myId(), "name", me.name);
    }
    toast(t("Saved."));
  });
  return (
    <div class="form" role="tabpanel">
      <form class="form" onSubmit={form.onSubmit}>
        <div class="field">
          <label for="my-name">{t("Your name")}</label>
          <input
            id="my-name"
            required
            maxLength={80}
            autocomplete="name"
            value={name()}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <span class="label">{t("E-mail")}</span>
          <span class="muted">{state.me?.email}</span>
        </div>
        <FormError text={form.error()} />
        <div class="form-actions">
          <button
            type="submit"
            class="btn btn-primary"
            disabled={form.busy() || !name().trim() || name().trim() === state.me?.name}
          >
            {t("Save")}
          </button>
        </div>
      </form>
      <div class="setting">
        <div>
          <strong>{t("Sign out")}</strong>
          <p class="hint">{t("Drafts and unsent messages in this browser are removed.")}</p>
        </div>
        <button type="button" class="btn" onClick={() => void signOut().catch(toastError)}>
          <Icon name="leave" size={16} /> {t("Sign out")}
        </button>
      </div>
    </div>
  );
}

function Appearance(): JSX.Element {
  const themes: { id: Theme; label: string; icon: IconName }[] = [
    { id: "system", label: t("System"), icon: "monitor" },
    { id: "light", label: t("Light"), icon: "sun" },
    { id: "dark", label: t("Dark"), icon: "moon" },
    { id: "contrast", label: t("High contrast"), icon: "contrast" },
  ];
  return (
    <div class="form" role="tabpanel">
      <fieldset class="themes">
        <legend class="label">{t("Theme")}</legend>
        <For each={themes}>
          {(one) => (
            <label class="theme-choice" classList={{ "theme-chosen": theme() === one.id }}>
              <input
                type="radio"
                class="visually-hidden"
                name="theme"
                checked={theme() === one.id}
                onChange={() => setTheme(one.id)}
              />
              <span class={`theme-sample theme-sample-${one.id}`} aria-hidden="true">
                <Icon name={one.icon} size={20} />
              </span>
              {one.label}
            </label>
          )}
        </For>
      </fieldset>
      <div class="field">
        <label for="composer-kind">{t("Writing messages")}</label>
        <select
          id="composer-kind"
          class="input"
          value={composeRich() ? "rich" : "plain"}
          onChange={(event) => setComposeRich(event.currentTarget.value === "rich")}
        >
          <option value="plain">{t("Markdown, as it is typed")}</option>
          <option value="rich">{t("Rich text: bold is bold while you write")}</option>
        </select>
        <p class="hint">{t("What is sent is the same.")}</p>
      </div>
      <Locale />
      <div class="field">
        <label for="undo-send">{t("Undo sending")}</label>
        <select
          id="undo-send"
          class="input"
          value={undoSeconds()}
          onChange={(event) => setUndoSeconds(Number(event.currentTarget.value))}
        >
          <option value="0">{t("Messages go at once")}</option>
          <option value="5">{t("Hold them for 5 seconds")}</option>
          <option value="10">{t("Hold them for 10 seconds")}</option>
          <option value="20">{t("Hold them for 20 seconds")}</option>
        </select>
      </div>
      <div class="field">
        <label for="photo-data">{t("What the camera wrote into a photo")}</label>
        <select
          id="photo-data"
          class="input"
          value={keepMetadata() ? "keep" : "remove"}
          onChange={(event) => setKeepMetadata(event.currentTarget.value === "keep")}
        >
          <option value="remove">{t("Take place, time and camera out before others see it")}</option>
          <option value="keep">{t("Keep it in what I upload")}</option>
        </select>
      </div>
    </div>
  );
}

/** Automatic: as the browser has it. */
function Locale(): JSX.Element {
  const zones = [...new Set([zoneName(), ...Intl.supportedValuesOf("timeZone")])].sort();
  const update = (changes: Parameters<typeof rest.me.update>[0]) =>
    rest.me.update(changes).then((me) => setState("me", me), toastError);
  // The page is made anew: some of its texts are made only once.
  const choose = (language: string) =>
    rest.me
      .update({ language: language || browserLanguage(), language_automatic: !language })
      .then(() => {
        keep("language", language);
        location.reload();
      })
      .catch(toastError);
  return (
    <>
      <div class="field">
        <label for="language">{t("Language")}</label>
        <select
          id="language"
          class="input"
          value={state.me?.language_automatic === false ? state.me.language : ""}
          onChange={(event) => void choose(event.currentTarget.value)}
        >
          <option value="">
            {t("Automatic: {choice}", { choice: LANGUAGES[browserLanguage()] ?? "English" })}
          </option>
          <For each={Object.entries(LANGUAGES)}>
            {([tag, name]) => (
              <option value={tag} lang={tag}>
                {name}
              </option>
            )}
          </For>
        </select>
      </div>
      <div class="field">
        <label for="time-zone">{t("Time zone")}</label>
        <select
          id="time-zone"
          class="input"
          value={state.me?.timezone_automatic === false ? state.me.timezone : ""}
          onChange={(event) => {
            const zone = event.currentTarget.value;
            void update({ timezone: zone || browserZone(), timezone_automatic: !zone });
          }}
        >
          <option value="">{t("Automatic: {choice}", { choice: browserZone() })}</option>
          <For each={zones}>{(zone) => <option value={zone}>{zone.replaceAll("_", " ")}</option>}</For>
        </select>
      </div>
    </>
  );
}

function Security(): JSX.Element {
  const [sessions, { refetch }] = createResource(async () => (await rest.me.sessions()).results, {
    initialValue: [],
  });
  const [current, setCurrent] = createSignal("");
  const [password, setPassword] = createSignal("");
  const form = createForm(async () => {
    await rest.me.password({ current: current(), password: password() });
    setCurrent("");
    setPassword("");
    toast(t("Password changed. Your other sessions were signed out."));
    void refetch();
  });
  return (
    <div class="form" role="tabpanel">
      <h3>{t("Where you are signed in")}</h3>
      <ul class="sessions" aria-label={t("Sessions")} aria-busy={sessions.loading}>
        <For
          each={latestOf(sessions, [])}
          fallback={
            <li class="side-empty">{sessions.loading ? t("Loading…") : t("The sessions did not load.")}</li>
          }
        >
          {(session) => (
            <li class="session">
              <Icon name={session.kind === "browser" ? "monitor" : "code"} size={20} />
              <div class="grow">
                <strong>{deviceOf(session.user_agent, session.kind)}</strong>
                <div class="muted">
                  {session.current
                    ? t("This session")
                    : t("Last seen {ago}", { ago: ago(session.last_seen_at, now()) })}
                  {session.ip ? ` · ${session.ip}` : ""}
                </div>
              </div>
              <Show when={!session.current} fallback={<span class="tag tag-good">{t("Active")}</span>}>
                <button
                  type="button"
                  class="btn btn-sm"
                  aria-label={t("Sign out {device}", {
                    device: deviceOf(session.user_agent, session.kind),
                  })}
                  onClick={() =>
                    void rest.me
                      .endSession(session.id)
                      .then(() => refetch())
                      .catch(toastError)
                  }
                >
                  {t("Sign out")}
                </button>
              </Show>
            </li>
          )}
        </For>
      </ul>
      <h3>{t("Change your password")}</h3>
      <form class="form" onSubmit={form.onSubmit}>
        <input
          type="text"
          class="visually-hidden"
          autocomplete="username"
          tabIndex={-1}
          value={state.me?.email}
          readonly
          aria-hidden="true"
        />
        <div class="field">
          <label for="current-password">{t("Current password")}</label>
          <input
            id="current-password"
            type="password"
            required
            autocomplete="current-password"
            value={current()}
            onInput={(event) => setCurrent(event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <label for="new-password">{t("New password")}</label>
          <input
            id="new-password"
            type="password"
            required
            minLength={8}
            autocomplete="new-password"
            value={password()}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </div>
        <FormError text={form.error()} />
        <div class="form-actions">
          <button
            type="submit"
            class="btn btn-primary"
            disabled={form.busy() || !current() || password().length < 8}
          >
            {t("Change password")}
          </button>
        </div>
      </form>
    </div>
  );
}

function deviceOf(agent: string, kind: string): string {
  if (kind === "api") return agent.split(/[ /]/)[0] || t("API client");
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrom(?:e|ium)\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : t("A browser");
  const system = /Android/.test(agent)
    ? "Android"
    : /iPhone|iPad/.test(agent)
      ? "iOS"
      : /Mac OS/.test(agent)
        ? "macOS"
        : /Windows/.test(agent)
          ? "Windows"
          : /Linux/.test(agent)
            ? "Linux"
            : "";
  return system ? t("{browser} on {system}", { browser, system }) : browser;
}
