import { createEffect, createSignal, type JSX, on, onCleanup, Show } from "solid-js";
import { t, tn } from "../i18n";
import { offlineSince } from "../state/offline";
import { state } from "../state/store";
import { now } from "../state/ui";
import { socket } from "../state/wire";
import { clock, dayName, dayOf } from "../text/time";
import { Icon } from "./Icon";

const PATIENCE_MS = 1200;
const BACK_MS = 2500;

/** Says how the connection is, but only when it is not as it should be. */
export function Banner(): JSX.Element {
  const [troubled, setTroubled] = createSignal(false);
  const [back, setBack] = createSignal(false);

  createEffect(
    on(
      () => state.connection.name,
      (name) => {
        if (name === "open") {
          if (troubled() && state.everOpen) {
            setBack(true);
            const timer = setTimeout(() => setBack(false), BACK_MS);
            onCleanup(() => clearTimeout(timer));
          }
          setTroubled(false);
          return;
        }
        if (troubled()) return;
        // A reconnect that takes a moment is nobody's business.
        const delay = name === "closed" ? 0 : navigator.onLine ? PATIENCE_MS : 0;
        const timer = setTimeout(() => setTroubled(state.connection.name !== "open"), delay);
        onCleanup(() => clearTimeout(timer));
      },
    ),
  );

  const when = (at: number): string => {
    const today = dayOf(at) === dayOf(now());
    return today ? clock(at) : `${dayName(dayOf(at), now())}, ${clock(at)}`;
  };
  const waiting = () => Object.values(state.pending).filter((one) => one.state === "queued").length;
  const text = () => {
    if (state.connection.name === "closed") return t("This page is no longer connected.");
    const since = offlineSince();
    if (!state.everOpen && since === null) return t("Connecting…");
    const count = waiting();
    const promise =
      count > 0
        ? tn(
            "{count} message will be sent when you are back.",
            "{count} messages will be sent when you are back.",
            count,
          )
        : t("What you write will be sent when you are back.");
    return since === null
      ? t("You are offline. {promise}", { promise })
      : t("You are offline since {time}. {promise}", { time: when(since), promise });
  };

  return (
    <div
      class="banner-place"
      role="status"
      aria-live="polite"
      data-testid="connection"
      data-state={state.connection.name}
    >
      <Show when={troubled()}>
        <div class="banner">
          <Show when={state.connection.name !== "closed"} fallback={<Icon name="warning" size={16} />}>
            <span class="spinner" aria-hidden="true" />
          </Show>
          <span>{text()}</span>
          <Show
            when={state.connection.name === "closed"}
            fallback={
              <Show when={state.connection.name === "waiting"}>
                <button type="button" class="link-button" onClick={() => socket.wake()}>
                  {t("Try now")}
                </button>
              </Show>
            }
          >
            <button type="button" class="link-button" onClick={() => location.reload()}>
              {t("Reload")}
            </button>
          </Show>
        </div>
      </Show>
      <Show when={back() && !troubled()}>
        <div class="banner banner-back">
          <Icon name="check" size={16} /> {t("Back online")}
        </div>
      </Show>
    </div>
  );
}
