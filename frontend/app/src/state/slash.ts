import type { Id, Member } from "@slackclone/client";
import { t } from "../i18n";
import { full } from "../text/time";
import { parseWhen } from "../text/when";
import { findPeople, putChannel } from "./channels";
import { loadReminders, toggleStar } from "./desk";
import { state } from "./store";
import { toast } from "./toasts";
import { openDialog } from "./ui";
import { joinChannel, leaveChannel, openDirect, sendMessage } from "./verbs";
import { rest } from "./wire";

/** What a command is given: where it was typed, and what stands after its name. */
interface Call {
  channelId: Id;
  threadId: Id | null;
  rest: string;
}

export interface Command {
  name: string;
  takes: string;
  what: string;
  run: (call: Call) => unknown;
}

/** Something that the person can put right; the text stays in the composer. */
export class CommandError extends Error {}

const channelOf = (call: Call) => {
  const channel = state.channels[call.channelId];
  if (!channel) throw new CommandError(t("This conversation can't be found."));
  return channel;
};

function need(text: string, usage: string): string {
  if (!text.trim()) throw new CommandError(t("Like this: {usage}", { usage }));
  return text.trim();
}

const say = (call: Call, text: string) =>
  sendMessage({ channel_id: call.channelId, text, ...(call.threadId ? { thread_id: call.threadId } : {}) });

async function personOf(call: Call, word: string): Promise<Member> {
  const handle = word.replace(/^@/, "").toLowerCase();
  const workspaceId = channelOf(call).workspace_id;
  const find = () =>
    Object.values(state.members[workspaceId] ?? {}).find((member) => member.handle.toLowerCase() === handle);
  if (!find()) await findPeople(workspaceId, handle).catch(() => undefined);
  const member = find();
  if (!member) throw new CommandError(t("There is nobody called @{handle} here.", { handle }));
  return member;
}

export const COMMANDS: readonly Command[] = [
  {
    name: "me",
    get takes() {
      return t("does something");
    },
    get what() {
      return t("Say what you do");
    },
    run: (call) => say(call, `_${need(call.rest, "/me waves")}_`),
  },
  {
    name: "shrug",
    get takes() {
      return t("[text]");
    },
    get what() {
      return t("Add a shrug");
    },
    run: (call) => say(call, `${call.rest} ¯\\\\\\_(ツ)\\_/¯`.trim()),
  },
  {
    name: "topic",
    get takes() {
      return t("text");
    },
    get what() {
      return t("Set the topic of the channel");
    },
    run: async (call) => putChannel(await rest.channels.update(call.channelId, { topic: call.rest.trim() })),
  },
  {
    name: "rename",
    get takes() {
      return t("name");
    },
    get what() {
      return t("Rename the channel");
    },
    run: async (call) =>
      putChannel(await rest.channels.update(call.channelId, { name: need(call.rest, "/rename new-name") })),
  },
  {
    name: "invite",
    get takes() {
      return t("@person …");
    },
    get what() {
      return t("Add people to the channel");
    },
    run: async (call) => {
      const words = need(call.rest, "/invite @ann @bob").split(/\s+/);
      const people = await Promise.all(words.map((word) => personOf(call, word)));
      putChannel(
        await rest.channels.addMembers(
          call.channelId,
          people.map((person) => person.user_id),
        ),
      );
    },
  },
  {
    name: "remind",
    get takes() {
      return t("me to … in 20 minutes");
    },
    get what() {
      return t("Remind yourself");
    },
    run: async (call) => {
      const usage = "/remind me to water the plants tomorrow at 9:00";
      const words = need(call.rest, usage).replace(/^me\s+(?:to\s+|about\s+|that\s+)?/i, "");
      const found = parseWhen(words);
      if (!found?.rest) throw new CommandError(t("Say what and when, like this: {usage}", { usage }));
      const text = found.rest.replace(/^to\s+/i, "");
      const workspaceId = channelOf(call).workspace_id;
      await rest.desk.remind(workspaceId, { text, at: found.at });
      await loadReminders(workspaceId);
      toast(t("You will be reminded of “{text}” on {time}.", { text, time: full(found.at) }));
    },
  },
  {
    name: "status",
    get takes() {
      return t("[:emoji:] text");
    },
    get what() {
      return t("Set your status; nothing clears it");
    },
    run: async (call) => {
      const words = call.rest.trim();
      if (!words) {
        await rest.me.clearStatus();
        toast(t("Your status is cleared."));
        return;
      }
      const match = /^(:[\w+-]+:|\p{Extended_Pictographic}\uFE0F?)?\s*(.*)$/su.exec(words);
      await rest.me.setStatus({ emoji: (match?.[1] ?? "").replaceAll(":", ""), text: match?.[2] ?? "" });
      toast(t("Your status is set."));
    },
  },
  {
    name: "dnd",
    get takes() {
      return t("[30 minutes | off]");
    },
    get what() {
      return t("Don't be disturbed for a while");
    },
    run: async (call) => {
      const words = call.rest.trim();
      if (words === "off") {
        await rest.me.setDnd({ until: null });
        toast(t("You can be disturbed again."));
        return;
      }
      const found = parseWhen(
        words ? (/^(in|at|tomorrow)\b/.test(words) ? words : `in ${words}`) : "in 1 hour",
      );
      if (!found)
        throw new CommandError(t("For how long? Like this: {usage}", { usage: "/dnd 30 minutes, /dnd off" }));
      await rest.me.setDnd({ until: found.at });
      toast(t("You won't be disturbed until {time}.", { time: full(found.at) }));
    },
  },
  {
    name: "away",
    takes: "",
    get what() {
      return t("Be shown as away");
    },
    run: async () => {
      await rest.me.setAway(true);
      toast(t("You are shown as away. /active takes it back."));
    },
  },
  {
    name: "active",
    takes: "",
    get what() {
      return t("No longer be shown as away");
    },
    run: async () => {
      await rest.me.setAway(false);
      toast(t("You are shown as active."));
    },
  },
  {
    name: "mute",
    takes: "",
    get what() {
      return t("Mute this conversation");
    },
    run: async (call) => {
      await rest.channels.mute(call.channelId, true);
      toast(t("Muted. {command} takes it back.", { command: "/unmute" }));
    },
  },
  {
    name: "unmute",
    takes: "",
    get what() {
      return t("Unmute this conversation");
    },
    run: async (call) => {
      await rest.channels.mute(call.channelId, false);
      toast(t("No longer muted."));
    },
  },
  {
    name: "leave",
    takes: "",
    get what() {
      return t("Leave the channel");
    },
    run: (call) => leaveChannel(channelOf(call)),
  },
  {
    name: "join",
    get takes() {
      return t("#channel");
    },
    get what() {
      return t("Join a channel");
    },
    run: async (call) => {
      const name = need(call.rest, "/join #general").replace(/^#/, "").toLowerCase();
      const page = await rest.workspaces.channels(channelOf(call).workspace_id, {
        filter: "browse",
        q: name,
      });
      const found = page.results.find((channel) => channel.name === name);
      if (!found) throw new CommandError(t("There is no channel #{name} that you can join.", { name }));
      putChannel(found);
      if (!found.is_member) await joinChannel(found);
      const { goTo } = await import("./verbs");
      goTo(found);
    },
  },
  {
    name: "dm",
    get takes() {
      return t("@person [text]");
    },
    get what() {
      return t("Write to somebody");
    },
    run: async (call) => {
      const [word = "", ...more] = need(call.rest, "/dm @ann Good morning").split(/\s+/);
      const person = await personOf(call, word);
      const channel = await openDirect(channelOf(call).workspace_id, [person.user_id]);
      if (more.length > 0) sendMessage({ channel_id: channel.id, text: more.join(" ") });
    },
  },
  {
    name: "star",
    takes: "",
    get what() {
      return t("Star or unstar this conversation");
    },
    run: (call) => toggleStar(channelOf(call).workspace_id, call.channelId),
  },
  {
    name: "help",
    takes: "",
    get what() {
      return t("What can be typed");
    },
    run: () => openDialog({ name: "shortcuts" }),
  },
];

/** Runs it. Null when the text is no command. Rejects with what the person should be told. */
export function runCommand(text: string, where: Omit<Call, "rest">): Promise<unknown> | null {
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(text);
  if (!match) return null;
  const command = COMMANDS.find((one) => one.name === match[1]?.toLowerCase());
  return (async () => {
    if (!command) {
      throw new CommandError(
        t("There is no command /{name}. To send this as a message, put a space before it.", {
          name: match[1] ?? "",
        }),
      );
    }
    await command.run({ ...where, rest: match[2] ?? "" });
  })();
}
