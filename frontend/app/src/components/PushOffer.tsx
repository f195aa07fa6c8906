import { type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { offer, setOffer, turnOnPush } from "../state/notify";
import { toast, toastError } from "../state/toasts";
import { Icon } from "./Icon";

/** Above the page and not over it: whoever is in the middle of something goes on with it. */
export function PushOffer(): JSX.Element {
  const accept = () => {
    setOffer(null);
    turnOnPush().then(
      (now) => now === "on" && toast(t("This browser is told while slackclone is closed.")),
      toastError,
    );
  };
  return (
    <div class="banner-place" role="status">
      <Show when={offer()}>
        <div class="banner banner-offer" data-testid="push-offer">
          <Icon name="bell" size={16} />
          <span>
            {offer() === "direct"
              ? t("Somebody wrote to you. Do you want to be told while slackclone is closed?")
              : t("You were mentioned. Do you want to be told while slackclone is closed?")}
          </span>
          <button type="button" class="link-button" onClick={accept}>
            {t("Turn on notifications")}
          </button>
          <button type="button" class="link-button" onClick={() => setOffer(null)}>
            {t("Not now")}
          </button>
        </div>
      </Show>
    </div>
  );
}
