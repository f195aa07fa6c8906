import type { Group, Id, Member } from "@slackclone/client";
import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { t, tn } from "../i18n";
import { putMembers } from "../state/channels";
import { groupOf, groupsOf, loadGroups, putGroup } from "../state/groups";
import { myId, state } from "../state/store";
import { toastError } from "../state/toasts";
import { openDialog } from "../state/ui";
import { rest } from "../state/wire";
import { createForm, FormError, latestOf, Modal, PeoplePicker } from "./parts";

const PEOPLE_SHOWN = 200;

export function GroupsDialog(props: { workspaceId: Id; groupId: Id | null }): JSX.Element {
  void loadGroups(props.workspaceId).catch(toastError);
  const group = () => (props.groupId ? groupOf(props.workspaceId, props.groupId) : undefined);
  const mayManage = () => {
    const workspace = state.workspaces[props.workspaceId];
    if (!workspace) return false;
    return (
      workspace.role === "owner" ||
      workspace.role === "admin" ||
      (workspace.role === "member" && workspace.groups_by === "members")
    );
  };
  return (
    <Show when={group()} fallback={<GroupList workspaceId={props.workspaceId} mayManage={mayManage()} />}>
      {(one) => <OneGroup workspaceId={props.workspaceId} group={one()} mayManage={mayManage()} />}
    </Show>
  );
}

const sizeOf = (group: Group) => tn("One person", "{count} people", group.member_count);

function GroupList(props: { workspaceId: Id; mayManage: boolean }): JSX.Element {
  const [handle, setHandle] = createSignal("");
  const [name, setName] = createSignal("");
  const [chosen, setChosen] = createSignal<readonly Member[]>([]);
  const form = createForm(async () => {
    const made = await rest.groups.create(props.workspaceId, {
      handle: handle().trim(),
      name: name().trim(),
      user_ids: chosen().map((member) => member.user_id),
    });
    putGroup(props.workspaceId, made);
    openDialog({ name: "groups", groupId: made.id });
  });
  const all = () => [...groupsOf(props.workspaceId)].sort((a, b) => a.handle.localeCompare(b.handle));
  return (
    <Modal
      title={t("Groups")}
      description={t("A group has a handle of its own: one @mention tells all of it.")}
    >
      <ul class="own-emoji-list" aria-label={t("Groups")}>
        <For each={all()} fallback={<li class="side-empty">{t("None yet.")}</li>}>
          {(one) => (
            <li>
              <button
                type="button"
                class="btn btn-ghost grow group-row"
                onClick={() => openDialog({ name: "groups", groupId: one.id })}
              >
                <strong>@{one.handle}</strong> {one.name}
                <span class="muted"> · {one.archived ? t("archived") : sizeOf(one)}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={props.mayManage}>
        <form class="form" onSubmit={form.onSubmit}>
          <h3>{t("Make a group")}</h3>
          <div class="field">
            <label for="group-name">{t("Name")}</label>
            <input
              id="group-name"
              required
              maxLength={80}
              value={name()}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for="group-handle">{t("Handle")}</label>
            <input
              id="group-handle"
              required
              maxLength={31}
              placeholder="@"
              autocomplete="off"
              value={handle()}
              onInput={(event) => setHandle(event.currentTarget.value)}
            />
          </div>
          <PeoplePicker
            workspaceId={props.workspaceId}
            label={t("People")}
            chosen={chosen()}
            onChange={setChosen}
            includeSelf
          />
          <FormError text={form.error()} />
          <div class="form-actions">
            <button
              type="submit"
              class="btn btn-primary"
              disabled={form.busy() || !name().trim() || !handle().trim()}
            >
              {t("Create group")}
            </button>
          </div>
        </form>
      </Show>
    </Modal>
  );
}

function OneGroup(props: { workspaceId: Id; group: Group; mayManage: boolean }): JSX.Element {
  const [chosen, setChosen] = createSignal<readonly Member[]>([]);
  const [people] = createResource(
    () => `${props.group.id} ${props.group.member_count}`,
    async () => {
      const page = await rest.groups.members(props.workspaceId, props.group.id, { limit: PEOPLE_SHOWN });
      putMembers(props.workspaceId, page.results);
      return page.results;
    },
    { initialValue: [] },
  );
  const add = createForm(async () => {
    const ids = chosen().map((member) => member.user_id);
    putGroup(props.workspaceId, await rest.groups.add(props.workspaceId, props.group.id, ids));
    setChosen([]);
  });
  const remove = (userId: Id) =>
    void rest.groups.remove(props.workspaceId, props.group.id, userId).catch(toastError);
  return (
    <Modal title={`@${props.group.handle}`} description={props.group.description || props.group.name}>
      <p class="muted">
        {props.group.name} · {props.group.archived ? t("archived") : sizeOf(props.group)}
        {props.group.mine ? ` · ${t("you are in it")}` : ""}
      </p>
      <ul class="own-emoji-list" aria-label={t("People")} aria-busy={people.loading}>
        <For
          each={latestOf(people, [])}
          fallback={<li class="side-empty">{people.loading ? t("Loading…") : t("Nobody is in it yet.")}</li>}
        >
          {(member) => (
            <li>
              <Avatar id={member.user_id} name={member.name} size="sm" bot={member.is_bot} />
              <span class="grow">
                {member.name} <span class="muted">@{member.handle}</span>
              </span>
              <Show when={props.mayManage || member.user_id === myId()}>
                <button
                  type="button"
                  class="btn btn-sm"
                  aria-label={t("Remove {name}", { name: member.name })}
                  onClick={() => remove(member.user_id)}
                >
                  {member.user_id === myId() ? t("Leave") : t("Remove")}
                </button>
              </Show>
            </li>
          )}
        </For>
      </ul>
      <Show when={props.mayManage}>
        <form class="form" onSubmit={add.onSubmit}>
          <PeoplePicker
            workspaceId={props.workspaceId}
            label={t("People to add")}
            chosen={chosen()}
            onChange={setChosen}
            includeSelf
          />
          <FormError text={add.error()} />
          <div class="form-actions">
            <button
              type="button"
              class="btn btn-ghost"
              onClick={() =>
                void rest.groups
                  .update(props.workspaceId, props.group.id, { archived: !props.group.archived })
                  .then((group) => putGroup(props.workspaceId, group))
                  .catch(toastError)
              }
            >
              {props.group.archived ? t("Bring it back") : t("Archive")}
            </button>
            <button type="submit" class="btn btn-primary" disabled={add.busy() || chosen().length === 0}>
              {t("Add")}
            </button>
          </div>
        </form>
      </Show>
      <button type="button" class="btn btn-ghost" onClick={() => openDialog({ name: "groups" })}>
        {t("All groups")}
      </button>
    </Modal>
  );
}
