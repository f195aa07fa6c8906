import { createEffect, type JSX, onCleanup } from "solid-js";
import { t } from "../i18n";
import { afterKey, setTourStep, TOUR_STEPS, tourStep } from "../state/tour";
import { isPhone, openDialog } from "../state/ui";

const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

interface Step {
  title: string;
  text: string;
  /** What the step is about; it is marked while it is on the page. */
  target: string;
}

const steps = (): Step[] => [
  {
    title: t("Channels"),
    text: isPhone()
      ? t(
          "Conversations are behind the arrow at the top. A channel is for a topic, a direct message for people.",
        )
      : t("Conversations are in the sidebar. A channel is for a topic, a direct message for people."),
    target: isPhone() ? ".main .tool" : "[data-testid=sidebar]",
  },
  {
    title: t("Write"),
    text: t(
      "Enter sends. @ names somebody, : finds an emoji, / lists the commands; files can be dropped here.",
    ),
    target: ".composer",
  },
  {
    title: t("Get around quickly"),
    text: isPhone()
      ? t("“Jump to…” in the sidebar finds every channel and person.")
      : t("{keys} jumps to every channel and person. All the keys are on one sheet: press ?", {
          keys: `${MOD} K`,
        }),
    target: ".jump-to",
  },
];

/** Beside the work and not over it: nothing waits for it, and it takes the focus from nothing. */
export default function Tour(): JSX.Element {
  let card!: HTMLElement;
  const at = () => tourStep() ?? 0;
  const step = () => steps()[at()] as Step;
  const last = () => at() === TOUR_STEPS - 1;

  createEffect(() => {
    const target = document.querySelector(step().target);
    target?.classList.add("tour-target");
    onCleanup(() => target?.classList.remove("tour-target"));
  });

  const end = () => {
    const inside = card.contains(document.activeElement);
    setTourStep(null);
    if (inside) document.querySelector<HTMLElement>("[data-testid=composer-channel]")?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = afterKey(at(), event.key, document.documentElement.dir === "rtl");
    if (next === undefined) return;
    event.preventDefault();
    if (next === null) end();
    else setTourStep(next);
  };

  return (
    <section class="tour" ref={card} aria-label={t("First steps")} data-testid="tour" onKeyDown={onKeyDown}>
      <div aria-live="polite">
        <p class="muted tour-count">{t("{step} of {steps}", { step: at() + 1, steps: TOUR_STEPS })}</p>
        <h2>{step().title}</h2>
        <p>{step().text}</p>
      </div>
      <footer>
        <button type="button" class="btn btn-ghost btn-sm" data-testid="tour-skip" onClick={end}>
          {t("Skip")}
        </button>
        <span class="grow" />
        {last() && !isPhone() ? (
          <button
            type="button"
            class="btn btn-ghost btn-sm"
            onClick={() => {
              end();
              openDialog({ name: "shortcuts" });
            }}
          >
            {t("Show the keys")}
          </button>
        ) : null}
        <button
          type="button"
          class="btn btn-primary btn-sm"
          data-testid="tour-next"
          onClick={() => (last() ? end() : setTourStep(at() + 1))}
        >
          {last() ? t("Done") : t("Next")}
        </button>
      </footer>
    </section>
  );
}
