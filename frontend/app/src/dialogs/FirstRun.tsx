import { createSignal, type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { href, navigate } from "../router";
import { signOut } from "../state/session";
import { state } from "../state/store";
import { toastError } from "../state/toasts";
import { rest } from "../state/wire";
import { refreshWorkspaces } from "../state/workspaces";
import { createForm, FormError } from "./parts";

/** Somebody without a workspace. */
export default function FirstRun(): JSX.Element {
  return (
    <main class="auth-page" id="main">
      <span class="brand">slackclone</span>
      <div class="auth-card card">
        <h1>{t("Welcome, {name}", { name: state.me?.name ?? "" })}</h1>
        <p class="muted first-run-text">
          {t(
            "A workspace is where your team talks. Make one now and invite the others; if you were invited to one, open the link of the invitation.",
          )}
        </p>
        <WorkspaceForm submitLabel={t("Create workspace")} />
      </div>
      <p class="auth-foot">
        {t("Signed in as {email}.", { email: state.me?.email ?? "" })}{" "}
        <button type="button" class="link-button" onClick={() => void signOut().catch(toastError)}>
          {t("Sign out")}
        </button>
      </p>
    </main>
  );
}

export function WorkspaceForm(props: {
  submitLabel: string;
  onDone?: () => void;
  onCancel?: () => void;
}): JSX.Element {
  const [name, setName] = createSignal("");
  const form = createForm(async () => {
    const workspace = await rest.workspaces.create(name().trim());
    await refreshWorkspaces();
    props.onDone?.();
    navigate(href({ workspace: workspace.id }));
  });
  return (
    <form class="form" onSubmit={form.onSubmit}>
      <div class="field">
        <label for="workspace-name">{t("Workspace name")}</label>
        <input
          id="workspace-name"
          required
          maxLength={80}
          autocomplete="organization"
          placeholder={t("Acme, Book club, Room 4b…")}
          aria-invalid={form.error() !== null}
          ref={(element) => queueMicrotask(() => element.focus())}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </div>
      <FormError text={form.error()} />
      <div class="form-actions">
        <Show when={props.onCancel}>
          <button type="button" class="btn" onClick={() => props.onCancel?.()}>
            {t("Cancel")}
          </button>
        </Show>
        <button type="submit" class="btn btn-primary" disabled={form.busy() || !name().trim()}>
          {form.busy() ? t("Creating…") : props.submitLabel}
        </button>
      </div>
    </form>
  );
}
