import type { FollowedThread, Id } from "@slackclone/client";

/** Otherwise in the order in which they came. */
export function unreadFirst(items: readonly FollowedThread[], unread: ReadonlySet<Id>): FollowedThread[] {
  const isUnread = (item: FollowedThread) => unread.has(item.parent.message_id);
  return [...items.filter(isUnread), ...items.filter((item) => !isUnread(item))];
}
