import type { ChannelNotifications, Id, NotificationLevel, NotificationPreference } from "@slackclone/client";
import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { route } from "../router";
import {
  isMuted,
  keepChannelWish,
  keepWishes,
  loadWishes,
  pushState,
  turnOffPush,
  turnOnPush,
  wishes,
} from "../state/notify";
import { mine } from "../state/presence";
import { labelOf, state } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { now, openDialog } from "../state/ui";
import { rest } from "../state/wire";
import { full } from "../text/time";
import { morning } from "../text/when";
import { createForm, FormError, latestOf, Modal } from "./parts";

const LEVELS: { id: NotificationLevel; label: string; hint: string }[] = [
  {
    id: "all",
    get label() {
      return t("Every message");
    },
    get hint() {
      return t("Everything that is posted in your channels.");
    },
  },
  {
    id: "mentions",
    get label() {
      return t("What concerns you");
    },
    get hint() {
      return t("Direct messages, mentions, your words, your threads.");
    },
  },
  {
    id: "nothing",
    get label() {
      return t("Nothing");
    },
    get hint() {
      return t("Badges only.");
    },
  },
];

/** Of the workspace that is open. */
export function NotificationSettings(): JSX.Element {
  const workspaceId = () => route().workspace ?? state.workspaceIds[0] ?? "";
  loadWishes(workspaceId());
  const wish = () => wishes.workspaces[workspaceId()];
  return (
    <div class="form" role="tabpanel" data-testid="notification-settings">
      <PushSetting />
      <QuietHours />
      <Show
        when={wish()}
        fallback={
          <p class="muted" role="status">
            {t("Loading…")}
          </p>
        }
      >
        {(known) => (
          <>
            <h3>{t("In {name}", { name: state.workspaces[workspaceId()]?.name ?? "" })}</h3>
            <LevelChoice
              name="workspace-level"
              legend={t("Notify me of")}
              level={known().level}
              choose={(level) => level && void change(workspaceId(), { level })}
            />
            <Keywords workspaceId={workspaceId()} />
            <Check
              label={t("Mail me what I missed")}
              hint={t("Mentions and direct messages that stay unread for a while, in one letter.")}
              on={known().email}
              set={(email) => void change(workspaceId(), { email })}
            />
            <Show when={known().email}>
              <LetterTimes
                digest={known().digest}
                choose={(digest) => void change(workspaceId(), { digest })}
              />
            </Show>
            <Check
              label={t("Hide what messages say")}
              hint={t("Notifications and letters say only that there is something.")}
              on={known().content_free}
              set={(content_free) => void change(workspaceId(), { content_free })}
            />
            <Check
              label={t("Play a sound")}
              hint={t("With notifications while slackclone is open.")}
              on={known().sound}
              set={(sound) => void change(workspaceId(), { sound })}
            />
          </>
        )}
      </Show>
    </div>
  );
}

async function change(workspaceId: Id, body: Parameters<typeof rest.notifications.update>[1]): Promise<void> {
  try {
    keepWishes(await rest.notifications.update(workspaceId, body));
  } catch (error) {
    toastError(error);
  }
}

function PushSetting(): JSX.Element {
  const [current, { mutate }] = createResource(pushState, { initialValue: "off" as const });
  const [busy, setBusy] = createSignal(false);
  const run = async (action: () => Promise<void>) => {
    setBusy(true);
    await action().catch(toastError);
    setBusy(false);
  };
  const words = {
    unsupported: t("This browser can't receive notifications."),
    blocked: t("They are blocked in the browser: allow them there, beside the address."),
    off: t("Be told while slackclone is closed."),
    on: t("This browser is told while slackclone is closed."),
  };
  return (
    <div class="setting" data-testid="push-setting">
      <div>
        <strong>{t("Notifications on this device")}</strong>
        <p class="hint" role="status">
          {words[latestOf(current, "off")]}
        </p>
      </div>
      <Show when={latestOf(current, "off") === "off"}>
        <button
          type="button"
          class="btn btn-primary"
          disabled={busy()}
          onClick={() => void run(async () => void mutate(await turnOnPush()))}
        >
          {t("Turn on notifications")}
        </button>
      </Show>
      <Show when={latestOf(current, "off") === "on"}>
        <div class="form-actions">
          <button
            type="button"
            class="btn"
            disabled={busy()}
            onClick={() =>
              void run(async () => {
                await rest.devices.test();
                toast(t("A test is on its way to your devices."));
              })
            }
          >
            {t("Send a test")}
          </button>
          <button
            type="button"
            class="btn"
            disabled={busy()}
            onClick={() => void run(async () => void mutate(await turnOffPush()))}
          >
            {t("Turn off")}
          </button>
        </div>
      </Show>
    </div>
  );
}

/** Do-not-disturb is a person's, in all workspaces; it has a dialog of its own. */
function QuietHours(): JSX.Element {
  const words = () => {
    const { until, schedule } = mine.dnd;
    if (until && until > now()) return t("Paused until {time}.", { time: full(until) });
    if (schedule) return t("Quiet from {start} to {end}.", { start: schedule.start, end: schedule.end });
    return t("Nothing is shown at night, or for a while, when you say so.");
  };
  return (
    <div class="setting" data-testid="quiet-hours">
      <div>
        <strong>{t("Quiet hours")}</strong>
        <p class="hint" role="status">
          {words()}
        </p>
      </div>
      <button type="button" class="btn" onClick={() => openDialog({ name: "dnd" })}>
        {t("Set the hours")}
      </button>
    </div>
  );
}

const LETTERS: { id: NotificationPreference["digest"]; label: string }[] = [
  {
    id: "soon",
    get label() {
      return t("A while after it");
    },
  },
  {
    id: "daily",
    get label() {
      return t("Every morning");
    },
  },
  {
    id: "weekly",
    get label() {
      return t("On Monday mornings");
    },
  },
];

function LetterTimes(props: {
  digest: NotificationPreference["digest"];
  choose: (digest: NotificationPreference["digest"]) => void;
}): JSX.Element {
  return (
    <label class="setting">
      <strong>{t("When letters come")}</strong>
      <select
        class="input"
        value={props.digest}
        onChange={(event) => props.choose(event.currentTarget.value as NotificationPreference["digest"])}
      >
        <For each={LETTERS}>{(one) => <option value={one.id}>{one.label}</option>}</For>
      </select>
    </label>
  );
}

function Keywords(props: { workspaceId: Id }): JSX.Element {
  const saved = () => (wishes.workspaces[props.workspaceId]?.keywords ?? []).join(", ");
  const [text, setText] = createSignal(saved());
  const form = createForm(async () => {
    const keywords = text()
      .split(",")
      .map((word) => word.trim())
      .filter(Boolean);
    keepWishes(await rest.notifications.update(props.workspaceId, { keywords }));
    setText(saved());
    toast(t("Saved."));
  });
  return (
    <form class="form" onSubmit={form.onSubmit}>
      <div class="field">
        <label for="keywords">{t("Your words")}</label>
        <input
          id="keywords"
          value={text()}
          maxLength={1200}
          placeholder={t("deploy, on call")}
          aria-describedby="keywords-hint"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p class="hint" id="keywords-hint">
          {t("Separated by commas. You are told whenever somebody writes one of them.")}
        </p>
      </div>
      <FormError text={form.error()} />
      <div class="form-actions">
        <button type="submit" class="btn" disabled={form.busy() || text() === saved()}>
          {t("Save the words")}
        </button>
      </div>
    </form>
  );
}

function Check(props: { label: string; hint: string; on: boolean; set: (on: boolean) => void }): JSX.Element {
  return (
    <label class="setting">
      <span>
        <strong>{props.label}</strong>
        <span class="hint notify-hint">{props.hint}</span>
      </span>
      <input
        type="checkbox"
        checked={props.on}
        onChange={(event) => props.set(event.currentTarget.checked)}
      />
    </label>
  );
}

function LevelChoice(props: {
  name: string;
  legend: string;
  level: NotificationLevel | null;
  inherit?: string;
  choose: (level: NotificationLevel | null) => void;
}): JSX.Element {
  const choices = () =>
    props.inherit
      ? [{ id: null, label: t("As in the workspace"), hint: props.inherit }, ...LEVELS]
      : (LEVELS as { id: NotificationLevel | null; label: string; hint: string }[]);
  return (
    <fieldset class="notify-levels">
      <legend class="label">{props.legend}</legend>
      <For each={choices()}>
        {(one) => (
          <label class="notify-level">
            <input
              type="radio"
              name={props.name}
              checked={props.level === one.id}
              onChange={() => props.choose(one.id)}
            />
            <span>
              <strong>{one.label}</strong>
              <span class="hint notify-hint">{one.hint}</span>
            </span>
          </label>
        )}
      </For>
    </fieldset>
  );
}

const HOUR = 3_600_000;
const MUTES = [
  {
    get label() {
      return t("For an hour");
    },
    until: () => Date.now() + HOUR,
  },
  {
    get label() {
      return t("Until tomorrow");
    },
    until: () => morning(1),
  },
  {
    get label() {
      return t("For a week");
    },
    until: () => Date.now() + 7 * 24 * HOUR,
  },
  {
    get label() {
      return t("Until I turn it off");
    },
    until: () => null,
  },
];

/** What differs for one channel. */
export function ChannelNotificationDialog(props: { channelId: Id }): JSX.Element {
  const channel = () => state.channels[props.channelId];
  const wish = () => wishes.channels[props.channelId];
  loadWishes(channel()?.workspace_id ?? "");
  const inherited = () => {
    const level = wishes.workspaces[channel()?.workspace_id ?? ""]?.level ?? "mentions";
    return LEVELS.find((one) => one.id === level)?.label ?? "";
  };
  const set = (body: Partial<Omit<ChannelNotifications, "channel_id">>) =>
    void rest.notifications.updateChannel(props.channelId, body).then(keepChannelWish).catch(toastError);
  const muted = () => isMuted(props.channelId);
  return (
    <Modal title={t("Notifications of {channel}", { channel: channel() ? labelOf(channel() as never) : "" })}>
      <div class="form" data-testid="channel-notifications">
        <LevelChoice
          name="channel-level"
          legend={t("Notify me of")}
          level={wish()?.level ?? null}
          inherit={inherited()}
          choose={(level) => set({ level })}
        />
        <div class="setting">
          <div>
            <strong>{muted() ? t("Muted") : t("Mute")}</strong>
            <p class="hint" role="status">
              {muted() && wish()?.muted_until
                ? t("Until {time}.", {
                    time: full(wish()?.muted_until ?? 0),
                  })
                : t("No notifications, and no bold name in the sidebar.")}
            </p>
          </div>
          <Show when={muted()}>
            <button type="button" class="btn" onClick={() => set({ muted: false })}>
              {t("Unmute")}
            </button>
          </Show>
        </div>
        <Show when={!muted()}>
          <div class="notify-mutes">
            <For each={MUTES}>
              {(one) => (
                <button
                  type="button"
                  class="btn btn-sm"
                  onClick={() => set({ muted: true, muted_until: one.until() })}
                >
                  {one.label}
                </button>
              )}
            </For>
          </div>
        </Show>
      </div>
    </Modal>
  );
}
