import type { Id } from "@slackclone/client";
import type { JSX } from "solid-js";

const COLOURS = 8;

export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map(
    (word) => [...(word ?? "")][0] ?? "",
  );
  return letters.join("").toUpperCase() || "?";
}

/** The letters are drawn by CSS: they are a picture of the name, not text beside it. */
export function Avatar(props: {
  id: Id;
  name: string;
  size?: "xs" | "sm" | "md" | "lg";
  bot?: boolean;
}): JSX.Element {
  const colour = () => (Number(BigInt(/^\d+$/.test(props.id) ? props.id : "0") % 9973n) % COLOURS) + 1;
  return (
    <span
      class={`avatar avatar-${props.size ?? "md"} avatar-c${colour()}`}
      classList={{ "avatar-bot": props.bot === true }}
      aria-hidden="true"
      data-initials={initialsOf(props.name)}
    />
  );
}
