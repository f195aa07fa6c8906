import type { Workspace } from "@slackclone/client";
import { batch } from "solid-js";
import { unwrap } from "solid-js/store";
import { route } from "../router";
import { loadMembers, lostChannel, putChannel } from "./channels";
import { loadDesk } from "./desk";
import { loadGroups } from "./groups";
import { loadWishes } from "./notify";
import { keepListsSoon } from "./offline";
import { loadOwnEmoji } from "./ownEmoji";
import { refreshUnreads } from "./reads";
import { setState, state } from "./store";
import { rest, socket } from "./wire";

export async function refreshWorkspaces(): Promise<void> {
  const list = await rest.all((query) => rest.workspaces.list(query));
  batch(() => {
    for (const workspace of list) setState("workspaces", workspace.id, workspace);
    setState(
      "workspaceIds",
      list.map((workspace) => workspace.id),
    );
  });
  const first = route().workspace ?? list[0]?.id;
  const order = [...list].sort((a, b) => Number(b.id === first) - Number(a.id === first));
  const [shown, ...others] = order;
  if (shown) await refreshWorkspace(shown);
  // The others matter for their unread marks only, so they may come later.
  for (const workspace of others) void refreshWorkspace(workspace).catch(() => undefined);
}

export async function refreshWorkspace(workspace: Workspace): Promise<void> {
  if (workspace.role !== "guest") socket.subscribe({ [workspace.stream]: workspace.seq });
  const channels = await rest.all((query) =>
    rest.workspaces.channels(workspace.id, { ...query, filter: "mine" }),
  );
  const mine = new Set(channels.map((channel) => channel.id));
  batch(() => {
    for (const known of Object.values(unwrap(state.channels))) {
      if (known.workspace_id === workspace.id && known.is_member && !mine.has(known.id))
        lostChannel(known.id);
    }
    for (const channel of channels) putChannel(channel);
    setState("loaded", workspace.id, true);
  });
  socket.subscribe(Object.fromEntries(channels.map((channel) => [channel.stream, channel.seq])));
  void refreshUnreads(workspace.id).catch(() => undefined);
  void loadMembers(workspace.id);
  void loadDesk(workspace.id);
  if (workspace.role !== "guest") void loadGroups(workspace.id).catch(() => undefined);
  void loadOwnEmoji(workspace.id).catch(() => undefined);
  loadWishes(workspace.id);
  keepListsSoon();
}
