import type { Id, Member } from "@slackclone/client";
import { t } from "../i18n";
import { full } from "../text/time";
import { parseWhen } from "../text/when";
import { loadReminders, toggleStar } from "./desk";
import { findPeople, putChannel, rest } from "./session";
import { state } from "./store";
import { toast } from "./toasts";
import { openDialog } from "./ui";
import { joinChannel, leaveChannel, openDirect, sendMessage } from "./verbs";

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
  if (!channel) throw new CommandError("This conversation can't be found.");
  return channel;
};

function need(text: string, usage: string): string {
  if (!text.trim()) throw new CommandError(`Like this: ${usage}`);
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
  if (!member) throw new CommandError(`There is nobody called @${handle} here.`);
  return member;
}

export const COMMANDS: readonly Command[] = [
  {
    name: "me",
    takes: "does something",
    what: "Say what you do",
    run: (call) => say(call, `_${need(call.rest, "/me waves")}_`),
  },
  {
    name: "shrug",
    takes: "[text]",
    what: "Add a shrug",
    run: (call) => say(call, `${call.rest} ¯\\\\\\_(ツ)\\_/¯`.trim()),
  },
  {
    name: "topic",
    takes: "text",
    what: "Set the topic of the channel",
    run: async (call) => putChannel(await rest.channels.update(call.channelId, { topic: call.rest.trim() })),
  },
  {
    name: "rename",
    takes: "name",
    what: "Rename the channel",
    run: async (call) =>
      putChannel(await rest.channels.update(call.channelId, { name: need(call.rest, "/rename new-name") })),
  },
  {
    name: "invite",
    takes: "@person …",
    what: "Add people to the channel",
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
    takes: "me to … in 20 minutes",
    what: "Remind yourself",
    run: async (call) => {
      const usage = "/remind me to water the plants tomorrow at 9:00";
      const words = need(call.rest, usage).replace(/^me\s+(?:to\s+|about\s+|that\s+)?/i, "");
      const found = parseWhen(words);
      if (!found?.rest) throw new CommandError(`Say what and when, like this: ${usage}`);
      const text = found.rest.replace(/^to\s+/i, "");
      const workspaceId = channelOf(call).workspace_id;
      await rest.desk.remind(workspaceId, { text, at: found.at });
      await loadReminders(workspaceId);
      toast(t("You will be reminded of “{text}” on {time}.", { text, time: full(found.at) }));
    },
  },
  {
    name: "status",
    takes: "[:emoji:] text",
    what: "Set your status; nothing clears it",
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
    takes: "[30 minutes | off]",
    what: "Don't be disturbed for a while",
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
      if (!found) throw new CommandError("For how long? Like this: /dnd 30 minutes, or /dnd off");
      await rest.me.setDnd({ until: found.at });
      toast(t("You won't be disturbed until {time}.", { time: full(found.at) }));
    },
  },
  {
    name: "away",
    takes: "",
    what: "Be shown as away",
    run: async () => {
      await rest.me.setAway(true);
      toast(t("You are shown as away. /active takes it back."));
    },
  },
  {
    name: "active",
    takes: "",
    what: "No longer be shown as away",
    run: async () => {
      await rest.me.setAway(false);
      toast(t("You are shown as active."));
    },
  },
  {
    name: "mute",
    takes: "",
    what: "Mute this conversation",
    run: async (call) => {
      await rest.channels.mute(call.channelId, true);
      toast("Muted. /unmute takes it back.");
    },
  },
  {
    name: "unmute",
    takes: "",
    what: "Unmute this conversation",
    run: async (call) => {
      await rest.channels.mute(call.channelId, false);
      toast(t("No longer muted."));
    },
  },
  { name: "leave", takes: "", what: "Leave the channel", run: (call) => leaveChannel(channelOf(call)) },
  {
    name: "join",
    takes: "#channel",
    what: "Join a channel",
    run: async (call) => {
      const name = need(call.rest, "/join #general").replace(/^#/, "").toLowerCase();
      const page = await rest.workspaces.channels(channelOf(call).workspace_id, {
        filter: "browse",
        q: name,
      });
      const found = page.results.find((channel) => channel.name === name);
      if (!found) throw new CommandError(`There is no channel #${name} that you can join.`);
      putChannel(found);
      if (!found.is_member) await joinChannel(found);
      const { goTo } = await import("./verbs");
      goTo(found);
    },
  },
  {
    name: "dm",
    takes: "@person [text]",
    what: "Write to somebody",
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
    what: "Star or unstar this conversation",
    run: (call) => toggleStar(channelOf(call).workspace_id, call.channelId),
  },
  { name: "help", takes: "", what: "What can be typed", run: () => openDialog({ name: "shortcuts" }) },
];

/** Runs it. Null when the text is no command. Rejects with what the person should be told. */
export function runCommand(text: string, where: Omit<Call, "rest">): Promise<unknown> | null {
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(text);
  if (!match) return null;
  const command = COMMANDS.find((one) => one.name === match[1]?.toLowerCase());
  return (async () => {
    if (!command) {
      throw new CommandError(
        `There is no command /${match[1]}. To send this as a message, put a space before it.`,
      );
    }
    await command.run({ ...where, rest: match[2] ?? "" });
  })();
}
