import type { DndSchedule } from "@slackclone/client";
import { createSignal, For, type JSX, Show } from "solid-js";
import { Icon } from "../components/Icon";
import { t } from "../i18n";
import { attempt, clearStatus, mine, presenceOf, setDnd, setStatus } from "../state/presence";
import { myId } from "../state/store";
import { toast } from "../state/toasts";
import { pickEmoji } from "../state/ui";
import { clock, full } from "../text/time";
import { close, createForm, FormError, Modal } from "./parts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function endOfDay(days: number): number {
  const at = new Date();
  at.setDate(at.getDate() + days);
  return at.setHours(23, 59, 59, 0);
}
const endOfWeek = () => endOfDay((7 - new Date().getDay()) % 7);

const LIFETIMES: { id: string; label: string; until: () => number | null }[] = [
  { id: "never", label: "Don't clear", until: () => null },
  { id: "30m", label: "30 minutes", until: () => Date.now() + 30 * MINUTE },
  { id: "1h", label: "1 hour", until: () => Date.now() + HOUR },
  { id: "4h", label: "4 hours", until: () => Date.now() + 4 * HOUR },
  { id: "today", label: "Today", until: () => endOfDay(0) },
  { id: "week", label: "This week", until: endOfWeek },
];
const PRESETS = [
  { emoji: "📅", text: "In a meeting", lifetime: "1h" },
  { emoji: "🚌", text: "Commuting", lifetime: "30m" },
  { emoji: "🤒", text: "Out sick", lifetime: "today" },
  { emoji: "🌴", text: "On holiday", lifetime: "never" },
  { emoji: "🏡", text: "Working remotely", lifetime: "today" },
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

const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const PAUSES: { label: string; until: () => number }[] = [
  { label: "30 minutes", until: () => Date.now() + 30 * MINUTE },
  { label: "1 hour", until: () => Date.now() + HOUR },
  { label: "2 hours", until: () => Date.now() + 2 * HOUR },
  {
    label: "Until tomorrow",
    until: () => {
      const at = new Date();
      at.setDate(at.getDate() + 1);
      return at.setHours(9, 0, 0, 0);
    },
  },
  { label: "Until next week", until: () => endOfWeek() + 9 * HOUR + 1000 },
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
    toast("Saved.");
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
                Paused until{" "}
                <strong>{until() - Date.now() > 20 * HOUR ? full(until()) : clock(until())}</strong>
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
            Every week at these times
          </label>
          <Show when={on()}>
            <div class="schedule">
              <label>
                From{" "}
                <input
                  type="time"
                  required
                  value={start()}
                  onInput={(event) => setStart(event.currentTarget.value)}
                />
              </label>
              <label>
                to{" "}
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
              <For each={DAYS}>
                {(day, index) => (
                  <label class="day" classList={{ "day-on": days().includes(index()) }}>
                    <input
                      type="checkbox"
                      class="visually-hidden"
                      aria-label={DAY_NAMES[index()]}
                      checked={days().includes(index())}
                      onChange={(event) =>
                        setDays(
                          event.currentTarget.checked
                            ? [...days(), index()].sort()
                            : days().filter((one) => one !== index()),
                        )
                      }
                    />
                    {day}
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
