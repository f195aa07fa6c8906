import type { Id, Quote } from "@slackclone/client";
import { type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { follow, href } from "../router";
import { labelOf, nameOf, state } from "../state/store";
import { date, full } from "../text/time";
import { Avatar } from "./Avatar";
import { MessageBody } from "./MessageBody";
import { MessageFiles } from "./MessageFiles";

/** A forwarded message. Its link works only for who can see where it was said. */
export function QuoteCard(props: { quote: Quote; workspaceId: Id }): JSX.Element {
  const name = () => nameOf(props.workspaceId, props.quote.sender_id);
  const channel = () => state.channels[props.quote.channel_id];
  const to = () =>
    href({
      workspace: props.workspaceId,
      channel: props.quote.channel_id,
      message: props.quote.message_id,
    });
  return (
    <blockquote class="quote-card" data-testid="quote">
      <header>
        <Avatar id={props.quote.sender_id} name={name()} size="xs" />
        <strong>{name()}</strong>
      </header>
      <MessageBody message={{ text: props.quote.text, html: props.quote.html, mentions: [] }} />
      <Show when={props.quote.files?.length ? props.quote.files : null}>
        {(files) => <MessageFiles files={files()} />}
      </Show>
      <footer class="muted">
        <Show when={channel()}>
          {(found) => <>{t("Said in {channel} · ", { channel: labelOf(found()) })}</>}
        </Show>
        <a href={to()} title={full(props.quote.timestamp)} onClick={(event) => follow(event, to())}>
          {date(props.quote.timestamp)}
        </a>
      </footer>
    </blockquote>
  );
}
