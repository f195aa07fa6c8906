import { Dialog } from "@kobalte/core/dialog";
import type { Id, Member } from "@slackclone/client";
import { createResource, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { Icon } from "../components/Icon";
import { t } from "../i18n";
import { putMembers } from "../state/channels";
import { myId } from "../state/store";
import { explain } from "../state/toasts";
import { dialog, openDialog } from "../state/ui";
import { rest } from "../state/wire";

const FIELDS =
  "input:not([readonly], [type=radio], [type=checkbox], [tabindex='-1']), textarea:not([readonly]), [role=tab][aria-selected=true]";

export const close = (): void => {
  openDialog(null);
};

export function Modal(props: {
  title: string;
  description?: string;
  size?: "sm" | "md" | "lg";
  hideTitle?: boolean;
  top?: boolean;
  children: JSX.Element;
}): JSX.Element {
  let content: HTMLElement | undefined;
  /** Into the first field, where there is one: the close button comes first in the order but not in importance. */
  const focusField = (event: Event) => {
    const field = content?.querySelector<HTMLElement>(FIELDS);
    if (!field) return;
    event.preventDefault();
    field.focus();
  };
  const before = document.activeElement;
  onCleanup(() =>
    setTimeout(() => {
      if (dialog() || document.activeElement !== document.body) return;
      const back =
        before instanceof HTMLElement && before.isConnected && before !== document.body ? before : null;
      (back ?? document.querySelector<HTMLElement>("[data-testid=composer-channel]"))?.focus();
    }),
  );
  return (
    <Dialog open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay class="overlay" />
        <div class="modal-place" classList={{ "modal-top": props.top === true }}>
          <Dialog.Content
            ref={(element: HTMLElement) => {
              content = element;
            }}
            class={`modal modal-${props.size ?? "md"}`}
            onOpenAutoFocus={focusField}
          >
            <header class="modal-head" classList={{ "visually-hidden": props.hideTitle === true }}>
              <Dialog.Title class="modal-title">{props.title}</Dialog.Title>
              <Dialog.CloseButton class="tool" aria-label={t("Close")}>
                <Icon name="x" />
              </Dialog.CloseButton>
            </header>
            <Show when={props.description}>
              <Dialog.Description class="modal-text">{props.description}</Dialog.Description>
            </Show>
            {props.children}
          </Dialog.Content>
        </div>
      </Dialog.Portal>
    </Dialog>
  );
}

/** One form: a submission at a time, and what the server said against it. */
export function createForm(submit: () => Promise<unknown>) {
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal<string | null>(null);
  return {
    busy,
    error,
    setError,
    onSubmit: async (event: Event) => {
      event.preventDefault();
      if (busy()) return;
      setBusy(true);
      setError(null);
      try {
        await submit();
      } catch (reason) {
        setError(explain(reason));
      }
      setBusy(false);
    },
  };
}

export function FormError(props: { text: string | null }): JSX.Element {
  return (
    <Show when={props.text}>
      <p class="alert alert-error" role="alert">
        {props.text}
      </p>
    </Show>
  );
}

/**
 * What a resource with an initial value holds, also while it loads anew or when it failed. It never suspends: a dialog that is
 * taken out and put in again by a Suspense would leave Kobalte's stack of layers in disorder.
 */
export function latestOf<T>(resource: { readonly error: unknown; readonly latest: T }, fallback: T): T {
  return resource.error ? fallback : resource.latest;
}

export function createDebounced(ms = 180): [() => string, (value: string) => void] {
  const [value, setValue] = createSignal("");
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  return [
    value,
    (next) => {
      clearTimeout(timer);
      timer = setTimeout(() => setValue(next), ms);
    },
  ];
}

/** People of a workspace, found by name or handle, chosen as chips. */
export function PeoplePicker(props: {
  workspaceId: Id;
  label: string;
  chosen: readonly Member[];
  onChange: (members: readonly Member[]) => void;
  exclude?: ReadonlySet<Id>;
  includeSelf?: boolean;
  max?: number;
}): JSX.Element {
  let input!: HTMLInputElement;
  const [query, setQuery] = createDebounced();
  const [active, setActive] = createSignal(0);
  const [found] = createResource(
    () => ({ id: props.workspaceId, q: query() }),
    async ({ id, q }) => {
      const page = await rest.workspaces.members(id, { limit: 50, ...(q.trim() ? { q: q.trim() } : {}) });
      putMembers(id, page.results);
      setActive(0);
      return page.results;
    },
    { initialValue: [] },
  );
  const options = () =>
    latestOf(found, []).filter(
      (member) =>
        member.active &&
        !props.exclude?.has(member.user_id) &&
        (props.includeSelf || member.user_id !== myId()) &&
        !props.chosen.some((one) => one.user_id === member.user_id),
    );
  const full = () => props.chosen.length >= (props.max ?? 100);
  const add = (member: Member) => {
    if (full()) return;
    props.onChange([...props.chosen, member]);
    input.value = "";
    setQuery("");
    input.focus();
  };
  const remove = (id: Id) => props.onChange(props.chosen.filter((one) => one.user_id !== id));
  const onKeyDown = (event: KeyboardEvent) => {
    const count = options().length;
    if (event.key === "ArrowDown" && count > 0) setActive((n) => (n + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setActive((n) => (n + count - 1) % count);
    else if (event.key === "Enter" && (input.value.trim() || props.chosen.length === 0)) {
      const member = options()[active()];
      if (member) add(member);
    } else if (event.key === "Backspace" && input.value === "") {
      const last = props.chosen.at(-1);
      if (last) remove(last.user_id);
      return;
    } else return;
    event.preventDefault();
  };
  return (
    <div class="people">
      <div class="people-box">
        <For each={props.chosen}>
          {(member) => (
            <span class="chip">
              <Avatar id={member.user_id} name={member.name} size="xs" />
              {member.name}
              <button
                type="button"
                aria-label={t("Remove {name}", { name: member.name })}
                onClick={() => remove(member.user_id)}
              >
                <Icon name="x" size={13} />
              </button>
            </span>
          )}
        </For>
        <input
          ref={input}
          type="text"
          autocomplete="off"
          aria-label={props.label}
          placeholder={props.chosen.length === 0 ? t("Search by name or @handle") : ""}
          role="combobox"
          aria-expanded="true"
          aria-controls="people-options"
          aria-activedescendant={options().length > 0 ? `person-${options()[active()]?.user_id}` : undefined}
          disabled={full()}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      </div>
      <div class="people-options" id="people-options" role="listbox" aria-label={t("People")}>
        <For
          each={options()}
          fallback={
            <p class="side-empty">
              {found.loading ? t("Searching…") : query() ? t("Nobody found.") : t("Nobody else here yet.")}
            </p>
          }
        >
          {(member, index) => (
            <div
              class="person"
              classList={{ "person-active": index() === active() }}
              id={`person-${member.user_id}`}
              role="option"
              tabIndex={-1}
              aria-selected={index() === active()}
              onPointerMove={() => setActive(index())}
              onClick={() => add(member)}
              onKeyDown={(event) => event.key === "Enter" && add(member)}
            >
              <Avatar id={member.user_id} name={member.name} size="sm" bot={member.is_bot} />
              <strong class="clip">{member.name}</strong>
              <span class="muted clip">@{member.handle}</span>
              <Show when={member.is_bot}>
                <span class="tag">{t("Bot")}</span>
              </Show>
            </div>
          )}
        </For>
      </div>
    </div>
  );
}
