import { ApiError, type Id, type Member } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { t } from "../i18n";
import { draftText, dropDraft, writeDraft } from "../state/desk";
import { typed, typedAndSent } from "../state/presence";
import { findPeople, rest } from "../state/session";
import { myId, state } from "../state/store";
import { explain, toastError } from "../state/toasts";
import { pickEmoji, undoSeconds } from "../state/ui";
import { flushHeld, holdSend } from "../state/undo";
import { createUploads } from "../state/uploads";
import { allEmoji, findEmoji, loadEmoji, usedEmoji } from "../text/emoji";
import { Attachments } from "./Attachments";
import { Avatar } from "./Avatar";
import { Icon, type IconName } from "./Icon";

interface Choice {
  key: string;
  insert: string;
  label: string;
  hint: string;
  emoji?: string;
  member?: Member;
  /** Already written out: Enter is for the composer. */
  exact?: boolean;
}

export interface ComposerProps {
  channelId: Id;
  mode: "channel" | "thread" | "edit";
  label: string;
  placeholder?: string;
  /** The thread whose reply is written here. */
  threadId?: Id;
  /** What else the send button offers. */
  onSchedule?: (text: string, sent: () => void) => void;
  initial?: string;
  autofocus?: boolean;
  footer?: JSX.Element;
  onSubmit: (text: string) => undefined | boolean | void | Promise<void>;
  /** What else a post with files carries. */
  postTo?: () => { thread_id?: Id; also_in_channel?: boolean };
  onCancel?: () => void;
  onEditLast?: () => void;
}

const MAX_CHARS = 12_000;
const CHOICES = 8;
let nextId = 1;

export function Composer(props: ComposerProps): JSX.Element {
  let area!: HTMLTextAreaElement;
  const listId = `completion-${nextId++}`;
  const [text, setText] = createSignal(props.initial ?? "");
  const [choices, setChoices] = createSignal<readonly Choice[]>([]);
  const [chosen, setChosen] = createSignal(0);
  const [focused, setFocused] = createSignal(false);
  let completing: { start: number; end: number } | null = null;

  const workspaceId = () => state.channels[props.channelId]?.workspace_id ?? "";

  const uploads = createUploads(workspaceId);
  const [dropping, setDropping] = createSignal(false);
  const [posting, setPosting] = createSignal(false);
  let picker!: HTMLInputElement;
  let postKey = "";

  const postFiles = async (value: string) => {
    if (!uploads.ready() || posting()) return;
    setPosting(true);
    // Sent again after a failure it is the same post.
    postKey ||= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    try {
      await rest.messages.post({
        channel_id: props.channelId,
        text: value,
        file_ids: uploads.ids(),
        client_msg_id: postKey,
        ...props.postTo?.(),
      });
      postKey = "";
      uploads.clear();
      cleared();
    } catch (error) {
      toastError(error);
    }
    setPosting(false);
  };
  const takeFiles = (event: Event, data: DataTransfer | null) => {
    setDropping(false);
    if (props.mode === "edit" || !data || data.files.length === 0) return;
    event.preventDefault();
    uploads.add(data.files);
    area.focus();
  };
  const dragging = (event: DragEvent) => {
    if (props.mode === "edit" || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };

  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, Math.round(window.innerHeight * 0.45))}px`;
  };

  const put = (value: string, caret = value.length) => {
    setText(value);
    area.value = value;
    area.setSelectionRange(caret, caret);
    fit();
  };

  /** The draft as it was last taken in or handed on: only a text that is still this one gives way to another device's. */
  let settled = "";
  if (props.mode !== "edit") {
    createEffect(() => {
      const text = draftText(props.channelId, props.threadId ?? null);
      if (!area || text === area.value) settled = text;
      else if (area.value === settled || area.value.trim() === "") {
        settled = text;
        put(text);
      }
    });
  }
  onMount(() => {
    if (props.mode === "edit") put(props.initial ?? "");
    if (props.autofocus) {
      area.focus();
      area.setSelectionRange(area.value.length, area.value.length);
    }
    window.addEventListener("resize", fit);
    onCleanup(() => window.removeEventListener("resize", fit));
  });

  const saveDraft = (value: string) => {
    if (props.mode === "edit") return;
    settled = value;
    writeDraft(props.channelId, props.threadId ?? null, value);
  };

  const onInput = () => {
    setText(area.value);
    setProblem(null);
    fit();
    saveDraft(area.value);
    if (props.mode !== "edit") typed(props.channelId, props.threadId, area.value.trim() === "");
    complete();
  };

  const cleared = () => {
    settled = "";
    put("");
    dropDraft(props.channelId, props.threadId ?? null);
  };

  const submit = () => {
    const value = area.value.replace(/^\s*\n|\s+$/g, "");
    if (value.length > MAX_CHARS) return;
    if (uploads.items.length > 0) {
      closeChoices();
      void postFiles(value);
      return;
    }
    if (!value.trim()) return;
    closeChoices();
    if (props.mode === "edit") {
      void props.onSubmit(value);
      return;
    }
    if (/^\/[a-z]/i.test(value)) {
      void command(value);
      return;
    }
    const hold = undoSeconds();
    if (hold > 0) {
      cleared();
      holdSend(
        hold,
        () => props.onSubmit(value),
        () => put(area.value ? `${value}\n${area.value}` : value),
      );
      return;
    }
    flushHeld();
    if (props.onSubmit(value) === false) return;
    typedAndSent(props.channelId, props.threadId);
    cleared();
  };

  const [problem, setProblem] = createSignal<string | null>(null);
  const command = async (value: string) => {
    setProblem(null);
    try {
      const { runCommand } = await import("../state/slash");
      const running = runCommand(value, { channelId: props.channelId, threadId: props.threadId ?? null });
      if (running === null) return;
      await running;
      if (area.value.trim() === value.trim()) cleared();
    } catch (error) {
      setProblem(error instanceof ApiError || !(error instanceof Error) ? explain(error) : error.message);
    }
  };

  /* ---- completion of @names and :emoji: ---- */

  const closeChoices = () => {
    completing = null;
    setChoices([]);
  };

  const complete = () => {
    const caret = area.selectionStart;
    const before = area.value.slice(0, caret);
    const slash = props.mode === "edit" ? null : /^\/([a-z]*)$/i.exec(before);
    if (slash && area.selectionEnd === caret) {
      const word = (slash[1] ?? "").toLowerCase();
      completing = { start: 0, end: caret };
      void import("../state/slash").then(({ COMMANDS }) => {
        if (!completing || completing.end !== caret) return;
        setChoices(
          COMMANDS.filter((one) => one.name.startsWith(word))
            .slice(0, word ? CHOICES : COMMANDS.length)
            .map((one) => ({
              key: one.name,
              insert: `/${one.name} `,
              label: `/${one.name} ${one.takes}`,
              hint: one.what,
              exact: one.name === word,
            })),
        );
        setChosen(0);
      });
      return;
    }
    const match = /(?:^|[\s(])([@:])([\p{L}\p{N}_.+-]*)$/u.exec(before);
    if (!match || area.selectionEnd !== caret) {
      closeChoices();
      return;
    }
    const word = (match[2] ?? "").toLowerCase();
    completing = { start: caret - word.length - 1, end: caret };
    if (match[1] === "@") {
      setChoices(people(word));
      lookFor(word);
    } else if (word.length < 2) closeChoices();
    else if (allEmoji()) setChoices(emoji(word));
    else void loadEmoji().then(() => completing && complete());
    setChosen(0);
  };

  let looking: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(looking));
  const lookFor = (word: string) => {
    clearTimeout(looking);
    looking = setTimeout(() => {
      findPeople(workspaceId(), word).then(
        (found) => found && completing && complete(),
        () => undefined,
      );
    }, 150);
  };

  const people = (word: string): Choice[] => {
    const members = Object.values(state.members[workspaceId()] ?? {}).filter((member) => member.active);
    const rank = (member: Member) => {
      if (member.handle.toLowerCase().startsWith(word)) return 0;
      return member.name
        .toLowerCase()
        .split(/\s+/)
        .some((part) => part.startsWith(word))
        ? 1
        : 2;
    };
    const found = members
      .map((member) => ({ member, rank: rank(member) }))
      .filter((one) => one.rank < 2)
      .sort((a, b) => a.rank - b.rank || a.member.name.localeCompare(b.member.name))
      .slice(0, CHOICES)
      .map(({ member }) => ({
        key: member.user_id,
        insert: `@${member.handle} `,
        label: member.user_id === myId() ? `${member.name} (you)` : member.name,
        hint: `@${member.handle}`,
        member,
      }));
    const groups = [
      { handle: "channel", hint: t("Everybody in this channel") },
      { handle: "here", hint: t("Everybody here who is online") },
    ]
      .filter((group) => word && group.handle.startsWith(word))
      .map((group) => ({
        key: group.handle,
        insert: `@${group.handle} `,
        label: `@${group.handle}`,
        hint: group.hint,
      }));
    return [...found, ...groups].slice(0, CHOICES);
  };

  const emoji = (word: string): Choice[] =>
    findEmoji(word, CHOICES).map((one) => ({
      key: one.emoji,
      insert: one.emoji,
      label: `:${one.names[0]}:`,
      hint: "",
      emoji: one.emoji,
    }));

  const choose = (choice: Choice) => {
    if (!completing) return;
    const { start, end } = completing;
    if (choice.emoji) usedEmoji(choice.emoji);
    put(area.value.slice(0, start) + choice.insert + area.value.slice(end), start + choice.insert.length);
    saveDraft(area.value);
    closeChoices();
    area.focus();
  };

  /* ---- marks ---- */

  const wrap = (before: string, after = before) => {
    const { selectionStart: start, selectionEnd: end, value } = area;
    area.focus();
    put(
      value.slice(0, start) + before + value.slice(start, end) + after + value.slice(end),
      end + before.length,
    );
    if (start !== end) area.setSelectionRange(start + before.length, end + before.length);
    saveDraft(area.value);
  };

  const prefixLines = (prefix: string) => {
    const { selectionStart, selectionEnd, value } = area;
    const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const lines = value.slice(start, selectionEnd).split("\n");
    const marked = lines.map((line) => prefix + line).join("\n");
    area.focus();
    put(value.slice(0, start) + marked + value.slice(selectionEnd), start + marked.length);
    saveDraft(area.value);
  };

  const insert = (piece: string) => {
    const { selectionStart: start, selectionEnd: end, value } = area;
    put(value.slice(0, start) + piece + value.slice(end), start + piece.length);
    saveDraft(area.value);
    area.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && choices()[chosen()]?.exact) closeChoices();
    if (choices().length > 0) {
      const count = choices().length;
      if (event.key === "ArrowDown") setChosen((n) => (n + 1) % count);
      else if (event.key === "ArrowUp") setChosen((n) => (n + count - 1) % count);
      else if (event.key === "Enter" || event.key === "Tab") {
        const choice = choices()[chosen()];
        if (choice) choose(choice);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        closeChoices();
      } else return;
      event.preventDefault();
      return;
    }
    const mod = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      // Enter inside an open code block makes a line, as everywhere else.
      const fences = area.value.slice(0, area.selectionStart).split("```").length - 1;
      if (fences % 2 === 1 && !mod) return;
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && props.onCancel) {
      event.preventDefault();
      event.stopPropagation();
      props.onCancel();
    } else if (event.key === "ArrowUp" && area.value === "" && props.onEditLast) {
      event.preventDefault();
      props.onEditLast();
    } else if (mod && !event.shiftKey && event.key.toLowerCase() === "b") {
      event.preventDefault();
      wrap("**");
    } else if (mod && !event.shiftKey && event.key.toLowerCase() === "i") {
      event.preventDefault();
      wrap("_");
    } else if (mod && event.shiftKey && event.key.toLowerCase() === "x") {
      event.preventDefault();
      wrap("~~");
    } else if (mod && event.shiftKey && event.key.toLowerCase() === "c") {
      event.preventDefault();
      wrap("`");
    }
  };

  const marks: { icon: IconName; label: string; run: () => void }[] = [
    { icon: "bold", label: t("Bold"), run: () => wrap("**") },
    { icon: "italic", label: t("Italic"), run: () => wrap("_") },
    { icon: "strike", label: t("Strikethrough"), run: () => wrap("~~") },
    { icon: "link", label: t("Link"), run: () => wrap("[", "](https://)") },
    { icon: "list", label: t("List"), run: () => prefixLines("- ") },
    { icon: "quote", label: t("Quote"), run: () => prefixLines("> ") },
    { icon: "code", label: t("Code"), run: () => wrap("`") },
    { icon: "codeBlock", label: t("Code block"), run: () => wrap("```\n", "\n```") },
  ];

  const tooLong = () => text().length - MAX_CHARS;
  const canSend = () =>
    tooLong() <= 0 && (uploads.items.length > 0 ? uploads.ready() && !posting() : text().trim() !== "");

  return (
    <div
      role="group"
      aria-label={t("Composer")}
      class="composer"
      classList={{
        "composer-edit": props.mode === "edit",
        "composer-focused": focused(),
        "composer-dropping": dropping(),
      }}
      onDragOver={dragging}
      onDragLeave={() => setDropping(false)}
      onDrop={(event) => takeFiles(event, event.dataTransfer)}
    >
      <Show when={choices().length > 0}>
        <div class="completion" id={listId} role="listbox" aria-label={t("Suggestions")}>
          <For each={choices()}>
            {(choice, index) => (
              <div
                class="completion-item"
                classList={{ "completion-chosen": index() === chosen() }}
                id={`${listId}-${index()}`}
                role="option"
                tabIndex={-1}
                aria-selected={index() === chosen()}
                onPointerMove={() => setChosen(index())}
                onPointerDown={(event) => {
                  event.preventDefault();
                  choose(choice);
                }}
              >
                <Show when={choice.member}>
                  {(member) => (
                    <Avatar id={member().user_id} name={member().name} size="xs" bot={member().is_bot} />
                  )}
                </Show>
                <Show when={choice.emoji}>
                  <span class="completion-emoji">{choice.emoji}</span>
                </Show>
                <strong>{choice.label}</strong>
                <span class="muted">{choice.hint}</span>
              </div>
            )}
          </For>
        </div>
      </Show>
      <div class="composer-box">
        <Attachments uploads={uploads} />
        <textarea
          ref={area}
          class="composer-text"
          rows={1}
          aria-label={props.label}
          placeholder={props.placeholder ?? ""}
          data-testid={`composer-${props.mode}`}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={choices().length > 0 ? listId : undefined}
          aria-activedescendant={choices().length > 0 ? `${listId}-${chosen()}` : undefined}
          spellcheck={true}
          enterkeyhint="send"
          onInput={onInput}
          onKeyDown={onKeyDown}
          onPaste={(event) => takeFiles(event, event.clipboardData)}
          onClick={complete}
          onFocus={() => setFocused(true)}
          onBlur={() => {
            setFocused(false);
            closeChoices();
          }}
        />
        <div class="composer-bar">
          <div class="composer-marks" role="toolbar" aria-label={t("Formatting")}>
            <For each={marks}>
              {(mark) => (
                <button
                  type="button"
                  class="tool tool-sm"
                  aria-label={mark.label}
                  data-tip={mark.label}
                  tabIndex={-1}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={mark.run}
                >
                  <Icon name={mark.icon} size={16} />
                </button>
              )}
            </For>
            <span class="composer-sep" />
            <Show when={props.mode !== "edit"}>
              <input
                ref={picker}
                type="file"
                multiple
                hidden
                data-testid={`file-input-${props.mode}`}
                onChange={() => {
                  uploads.add(picker.files ?? []);
                  picker.value = "";
                }}
              />
              <button
                type="button"
                class="tool tool-sm"
                aria-label={t("Attach files")}
                data-tip={t("Attach files")}
                onClick={() => picker.click()}
              >
                <Icon name="paperclip" size={17} />
              </button>
            </Show>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Mention somebody")}
              data-tip={t("Mention")}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => {
                area.focus();
                const start = area.selectionStart;
                insert(start > 0 && /\S/.test(area.value[start - 1] ?? "") ? " @" : "@");
                complete();
              }}
            >
              <Icon name="at" size={17} />
            </button>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Emoji")}
              data-tip={t("Emoji")}
              onClick={(event) => pickEmoji({ anchor: event.currentTarget, pick: insert })}
            >
              <Icon name="smile" size={17} />
            </button>
          </div>
          <Show when={tooLong() > -500}>
            <span class="composer-count" classList={{ "composer-over": tooLong() > 0 }} role="status">
              {tooLong() > 0
                ? t("{count} too many", { count: tooLong() })
                : t("{count} left", { count: -tooLong() })}
            </span>
          </Show>
          <Show
            when={props.mode === "edit"}
            fallback={
              <>
                <Show when={props.onSchedule}>
                  <button
                    type="button"
                    class="tool tool-sm"
                    aria-label={t("Send later")}
                    data-tip={t("Send later")}
                    disabled={!canSend()}
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => props.onSchedule?.(area.value.trim(), cleared)}
                  >
                    <Icon name="clock" size={17} />
                  </button>
                </Show>
                <button
                  type="button"
                  class="send"
                  classList={{ "send-ready": canSend() }}
                  aria-label={t("Send message")}
                  data-tip={t("Send")}
                  disabled={!canSend()}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={submit}
                >
                  <Icon name="send" size={17} />
                </button>
              </>
            }
          >
            <button type="button" class="btn btn-sm btn-ghost" onClick={() => props.onCancel?.()}>
              {t("Cancel")}
            </button>
            <button type="button" class="btn btn-sm btn-primary" disabled={!canSend()} onClick={submit}>
              {t("Save")}
            </button>
          </Show>
        </div>
      </div>
      <Show when={problem()}>
        <p class="composer-problem" role="alert" data-testid="command-problem">
          {problem()}
        </p>
      </Show>
      {props.footer}
    </div>
  );
}
