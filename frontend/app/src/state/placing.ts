import type { Id, SidebarLayout } from "@slackclone/client";
import { createSignal } from "solid-js";

/* Where a channel is put in the sidebar, and in which order one's own sections come. */

/** Among the starred ones, in a section of one's own, or where it would be by itself. */
export type Target = "starred" | "rest" | { section: string };

/** What is being dragged over the sidebar. */
export type Dragged = { channel: Id } | { section: string };
export const [dragged, setDragged] = createSignal<Dragged | null>(null);

/** A channel that is put into a section is starred no longer: it would not be seen there. */
export function placeChannel(layout: SidebarLayout, channelId: Id, target: Target): SidebarLayout {
  const without = (ids: readonly Id[]) => ids.filter((id) => id !== channelId);
  const into = typeof target === "object" ? target.section : null;
  const stays = target === "starred";
  return {
    starred: stays ? [...without(layout.starred), channelId] : without(layout.starred),
    sections: layout.sections.map((section) => ({
      ...section,
      channel_ids:
        section.id === into
          ? [...without(section.channel_ids), channelId]
          : stays
            ? [...section.channel_ids] // where it goes back to when its star is taken away
            : without(section.channel_ids),
    })),
  };
}

/** The section takes the place of `at`; what lies between them moves up or down by one. */
export function moveSection(layout: SidebarLayout, id: string, at: string): SidebarLayout {
  const from = layout.sections.findIndex((section) => section.id === id);
  const to = layout.sections.findIndex((section) => section.id === at);
  const moved = layout.sections[from];
  if (!moved || to < 0 || from === to) return layout;
  const others = layout.sections.filter((section) => section.id !== id);
  return { ...layout, sections: [...others.slice(0, to), moved, ...others.slice(to)] };
}

/** Whether it may be let go there: a section only on another one. */
export function fits(what: Dragged | null, target: Target): boolean {
  if (!what) return false;
  return "channel" in what || (typeof target === "object" && target.section !== what.section);
}
