import type { DndSchedule } from "@slackclone/client";
import { createSignal, For, type JSX, Show } from "solid-js";
import { Icon } from "../components/Icon";
import { locale, t, tnode } from "../i18n";
import { attempt, clearStatus, mine, presenceOf, setDnd, setStatus } from "../state/presence";
import { myId } from "../state/store";
import { toast } from "../state/toasts";
import { pickEmoji } from "../state/ui";
import { clock, full } from "../text/time";
import { endOfDay, endOfWeek, morning } from "../text/when";
import { close, createForm, FormError, Modal } from "./parts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const LIFETIMES: { id: string; label: string; until: () => number | null }[] = [
  {
    id: "never",
    get label() {
      return t("Don't clear");
    },
    until: () => null,
  },
  {
    id: "30m",
    get label() {
      return t("30 minutes");
    },
    until: () => Date.now() + 30 * MINUTE,
  },
  {
    id: "1h",
    get label() {
      return t("1 hour");
    },
    until: () => Date.now() + HOUR,
  },
  {
    id: "4h",
    get label() {
      return t("4 hours");
    },
    until: () => Date.now() + 4 * HOUR,
  },
  {
    id: "today",
    get label() {
      return t("Today");
    },
    until: () => endOfDay(0),
  },
  {
    id: "week",
    get label() {
      return t("This week");
    },
    until: endOfWeek,
  },
];
const PRESETS = [
  {
    emoji: "📅",
    get text() {
      return t("In a meeting");
    },
    lifetime: "1h",
  },
  {
    emoji: "🚌",
    get text() {
      return t("Commuting");
    },
    lifetime: "30m",
  },
  {
    emoji: "🤒",
    get text() {
      return t("Out sick");
    },
    lifetime: "today",
  },
  {
    emoji: "🌴",
    get text() {
      return t("On holiday");
    },
    lifetime: "never",
  },
  {
    emoji: "🏡",
    get text() {
      return t("Working remotely");
    },
    lifetime: "today",
  },
];

export function StatusDialog(): JSX.Element {
  const had = presenceOf(myId()).status;
  const [emoji, setEmoji] = createSignal(had?.emoji ?? "");
  const [text, setText] = createSignal(had?.text ?? "");
  const [lifetime, setLifetime] = createSignal(had && had.expires_at !== null ? "keep" : "never");
  const empty = () => !emoji() && !text().trim();
  const form = createForm(async () => {
    if (empty()) await clearStatus();
    else {
      const chosen = LIFETIMES.find((one) => one.id === lifetime());
      await setStatus(emoji(), text().trim(), chosen ? chosen.until() : (had?.expires_at ?? null));
    }
    close();
  });
  return (
    <Modal title={t("Set a status")} size="sm">
      <form class="form" onSubmit={form.onSubmit} data-testid="status-form">
        <div class="status-row">
          <button
            type="button"
            class="status-pick"
            aria-label={emoji() ? t("Emoji {emoji}, change it", { emoji: emoji() }) : t("Choose an emoji")}
            onClick={(event) => pickEmoji({ anchor: event.currentTarget, pick: setEmoji })}
          >
            {emoji() || <Icon name="smile" size={20} />}
          </button>
          <input
            class="input"
            aria-label={t("What is your status?")}
            placeholder={t("What is your status?")}
            maxLength={100}
            value={text()}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <Show when={!empty()}>
            <button
              type="button"
              class="tool"
              aria-label={t("Empty the status")}
              onClick={() => {
                setEmoji("");
                setText("");
              }}
            >
              <Icon name="x" size={16} />
            </button>
          </Show>
        </div>
        <ul class="presets" aria-label={t("Suggestions")}>
          <For each={PRESETS}>
            {(preset) => (
              <li>
                <button
                  type="button"
                  class="preset"
                  onClick={() => {
                    setEmoji(preset.emoji);
                    setText(preset.text);
                    setLifetime(preset.lifetime);
                  }}
                >
                  <span aria-hidden="true">{preset.emoji}</span> {preset.text}{" "}
                  <span class="muted">{LIFETIMES.find((one) => one.id === preset.lifetime)?.label}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
        <div class="field">
          <label for="status-lifetime">{t("Clear after")}</label>
          <select
            id="status-lifetime"
            value={lifetime()}
            onChange={(event) => setLifetime(event.currentTarget.value)}
          >
            <Show when={had?.expires_at}>
              {(at) => <option value="keep">{t("As set: {time}", { time: full(at()) })}</option>}
            </Show>
            <For each={LIFETIMES}>{(one) => <option value={one.id}>{one.label}</option>}</For>
          </select>
        </div>
        <FormError text={form.error()} />
        <div class="form-actions">
          <Show when={had}>
            <button type="button" class="btn" onClick={() => attempt(clearStatus().then(close))}>
              {t("Clear status")}
            </button>
          </Show>
          <button type="submit" class="btn btn-primary" disabled={form.busy() || (empty() && !had)}>
            {t("Save")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const weekday = (day: number, width: "short" | "long") =>
  new Intl.DateTimeFormat(locale(), { weekday: width, timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + day));
const PAUSES: { label: string; until: () => number }[] = [
  {
    get label() {
      return t("30 minutes");
    },
    until: () => Date.now() + 30 * MINUTE,
  },
  {
    get label() {
      return t("1 hour");
    },
    until: () => Date.now() + HOUR,
  },
  {
    get label() {
      return t("2 hours");
    },
    until: () => Date.now() + 2 * HOUR,
  },
  {
    get label() {
      return t("Until tomorrow");
    },
    until: () => morning(1),
  },
  {
    get label() {
      return t("Until next week");
    },
    until: () => endOfWeek() + 9 * HOUR + 1000,
  },
];

export function DndDialog(): JSX.Element {
  const saved = mine.dnd.schedule;
  const [on, setOn] = createSignal(saved !== null);
  const [start, setStart] = createSignal(saved?.start ?? "22:00");
  const [end, setEnd] = createSignal(saved?.end ?? "08:00");
  const [days, setDays] = createSignal<readonly number[]>(saved?.days ?? [0, 1, 2, 3, 4, 5, 6]);
  const form = createForm(async () => {
    const schedule: DndSchedule | null = on() ? { start: start(), end: end(), days: [...days()] } : null;
    await setDnd({ schedule });
    toast(t("Saved."));
    close();
  });
  const pause = (until: number | null) =>
    attempt(
      setDnd({ until }).then(close),
      until ? t("Notifications are paused.") : t("Notifications are on again."),
    );
  return (
    <Modal title={t("Pause notifications")} size="sm">
      <div class="form">
        <Show when={mine.dnd.until}>
          {(until) => (
            <div class="setting">
              <span>
                {tnode("Paused until {time}", {
                  time: <strong>{until() - Date.now() > 20 * HOUR ? full(until()) : clock(until())}</strong>,
                })}
              </span>
              <button type="button" class="btn btn-sm" onClick={() => pause(null)}>
                {t("Resume")}
              </button>
            </div>
          )}
        </Show>
        <div class="pauses" role="group" aria-label={t("Pause for")}>
          <For each={PAUSES}>
            {(one) => (
              <button type="button" class="btn btn-sm" onClick={() => pause(one.until())}>
                {one.label}
              </button>
            )}
          </For>
        </div>
        <form class="form" onSubmit={form.onSubmit}>
          <label class="check">
            <input type="checkbox" checked={on()} onChange={(event) => setOn(event.currentTarget.checked)} />{" "}
            {t("Every week at these times")}
          </label>
          <Show when={on()}>
            <div class="schedule">
              <label>
                {t("From")}{" "}
                <input
                  type="time"
                  required
                  value={start()}
                  onInput={(event) => setStart(event.currentTarget.value)}
                />
              </label>
              <label>
                {t("to")}{" "}
                <input
                  type="time"
                  required
                  value={end()}
                  onInput={(event) => setEnd(event.currentTarget.value)}
                />
              </label>
            </div>
            <fieldset class="days">
              <legend class="label">{t("Beginning on")}</legend>
              <For each={[0, 1, 2, 3, 4, 5, 6]}>
                {(day, index) => (
                  <label class="day" classList={{ "day-on": days().includes(index()) }}>
                    <input
                      type="checkbox"
                      class="visually-hidden"
                      aria-label={weekday(day, "long")}
                      checked={days().includes(index())}
                      onChange={(event) =>
                        setDays(
                          event.currentTarget.checked
                            ? [...days(), index()].sort()
                            : days().filter((one) => one !== index()),
                        )
                      }
                    />
                    {weekday(day, "short")}
                  </label>
                )}
              </For>
            </fieldset>
          </Show>
          <FormError text={form.error()} />
          <div class="form-actions">
            <button
              type="submit"
              class="btn btn-primary"
              disabled={form.busy() || (on() && days().length === 0)}
            >
              {t("Save schedule")}
            </button>
          </div>
        </form>
      </div>
    </Modal>
  );
}
