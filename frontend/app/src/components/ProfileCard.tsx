import { createMemo, type JSX, onCleanup, onMount, Show } from "solid-js";
import { locale, t } from "../i18n";
import { presenceOf, presenceWords, pullPresence } from "../state/presence";
import { memberOf, myId, nameOf } from "../state/store";
import { toastError } from "../state/toasts";
import { now, openDialog, profileRequest, showProfile } from "../state/ui";
import { openDirect } from "../state/verbs";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";
import { PresenceDot } from "./PresenceDot";

const MARGIN = 8;

export default function ProfileCard(): JSX.Element {
  let panel!: HTMLDivElement;
  const request = profileRequest();
  if (!request) return null;
  const { anchor, userId, workspaceId } = request;
  // Whoever is in the sidebar is watched; of others a glance is enough.
  if (userId !== myId()) void pullPresence(workspaceId, [userId]).catch(() => undefined);
  const member = () => memberOf(workspaceId, userId);
  const status = () => presenceOf(userId).status;
  const localTime = createMemo(() => {
    const timeZone = member()?.timezone;
    if (!timeZone) return "";
    try {
      return new Date(now()).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", timeZone });
    } catch {
      return ""; // a zone that this browser does not know
    }
  });
  const close = (back = true) => {
    showProfile(null);
    if (back && anchor.isConnected) anchor.focus();
  };
  const outside = (event: PointerEvent) => {
    if (!panel.contains(event.target as Node)) close(false);
  };
  const away = () => close(false);
  onMount(() => {
    const at = anchor.getBoundingClientRect();
    const { width, height } = panel.getBoundingClientRect();
    const left = Math.min(Math.max(at.left, MARGIN), window.innerWidth - width - MARGIN);
    const below = at.bottom + MARGIN + height < window.innerHeight;
    panel.style.left = `${left}px`;
    panel.style.top = `${Math.max(MARGIN, below ? at.bottom + MARGIN : at.top - height - MARGIN)}px`;
    panel.focus();
    document.addEventListener("pointerdown", outside, true);
    window.addEventListener("resize", away);
  });
  onCleanup(() => {
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", away);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  const name = () => nameOf(workspaceId, userId);
  return (
    <div
      ref={panel}
      class="profile-card"
      role="dialog"
      aria-label={`${name()}, ${presenceWords(userId)}`}
      tabIndex={-1}
      data-testid="profile-card"
      onKeyDown={onKeyDown}
    >
      <div class="profile-head">
        <Avatar id={userId} name={name()} size="lg" bot={member()?.is_bot ?? false} />
        <div>
          <strong class="profile-name">
            {name()} <PresenceDot id={userId} />
          </strong>
          <Show when={member()}>{(found) => <div class="muted">@{found().handle}</div>}</Show>
        </div>
      </div>
      <Show when={status()}>
        {(found) => (
          <p class="profile-line">
            <span aria-hidden="true">{found().emoji || "💬"}</span> {found().text}
          </p>
        )}
      </Show>
      <Show when={localTime()}>
        {(time) => (
          <p class="profile-line muted">
            <Icon name="clock" size={15} /> {t("{time} local time", { time: time() })}
          </p>
        )}
      </Show>
      <div class="profile-actions">
        <Show
          when={userId !== myId()}
          fallback={
            <button
              type="button"
              class="btn btn-sm"
              onClick={() => {
                close(false);
                openDialog({ name: "status" });
              }}
            >
              <Icon name="smile" size={16} /> {t("Set a status")}
            </button>
          }
        >
          <button
            type="button"
            class="btn btn-sm btn-primary"
            onClick={() => {
              close(false);
              void openDirect(workspaceId, [userId]).catch(toastError);
            }}
          >
            <Icon name="message" size={16} /> {t("Message")}
          </button>
        </Show>
      </div>
    </div>
  );
}
