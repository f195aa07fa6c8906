import type { Id, Message } from "@slackclone/client";
import { setState, state } from "./store";
import { toastError } from "./toasts";
import { rest } from "./wire";

const asked = new Set<Id>();

/** A channel's pins are fetched when somebody looks at it, and again when they change. */
export function loadPins(channelId: Id): void {
  if (asked.has(channelId)) return;
  asked.add(channelId);
  void fetchPins(channelId);
}

async function fetchPins(channelId: Id): Promise<void> {
  try {
    const { results } = await rest.channels.pins(channelId);
    setState("pins", channelId, results);
  } catch {
    asked.delete(channelId);
  }
}

export function onPinChanged(channelId: Id): void {
  if (asked.has(channelId)) void fetchPins(channelId);
}

export function onPinnedMessageChanged(channelId: Id, messageId: Id): void {
  if (state.pins[channelId]?.some((pin) => pin.message.message_id === messageId)) onPinChanged(channelId);
}

export const isPinned = (message: Message): boolean => pinOf(message) !== undefined;

export const pinOf = (message: Message) =>
  state.pins[message.channel_id]?.find((pin) => pin.message.message_id === message.message_id);

export async function setPinned(message: Message, on: boolean): Promise<void> {
  try {
    await (on ? rest.messages.pin(message.message_id) : rest.messages.unpin(message.message_id));
  } catch (error) {
    toastError(error);
  }
}
