"""From what people type to safe HTML.

CommonMark with strikethrough and links made of bare URLs; no raw HTML, tables, images (they become links), entities,
indented code, setext headings or link references, which in a chat are accidents more often than intentions. What the
parser makes is cleaned by nh3 against a list of what may stay. Mentions are found in the parsed text, so never inside
code or a link.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from apps.messaging.events import Mention

MARKS_MAX = 1500
HTML_MAX_CHARS = 100_000
MENTIONS_MAX = 100
_NESTING_MAX = 12

# Whether a text can have any markup at all: most don't, and then nothing below runs.
_MARKUP = re.compile(
    r"[*_~`\[\\]|^[ ]{0,3}(?:[>#+-]|\d{1,9}[.)])|https?:|mailto:|(?<![\w@./-])@[a-z0-9]", re.IGNORECASE | re.MULTILINE
)
_MARKS = re.compile(r"[*_~`\[\]()<>!\\#+@-]|https?:")
_MENTION = re.compile(r"(?<![\w@./-])@([a-z0-9](?:[a-z0-9._-]{0,28}[a-z0-9])?)(?![a-z0-9])", re.IGNORECASE)
_EVERYONE = {"channel": "channel", "everyone": "channel", "all": "channel", "here": "here"}


def _image_as_link(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    label = self.renderInlineAsText(token.children or [], options, env) or source
    return f'<a href="{escapeHtml(source)}">{escapeHtml(label)}</a>'


def _mention_as_span(
    self: RendererHTML,  # noqa: ARG001 - the renderer's signature
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,  # noqa: ARG001
    env: EnvType,  # noqa: ARG001
) -> str:
    token = tokens[index]
    user_id, group_id = token.meta["user_id"], token.meta["group_id"]
    name = f'data-user-id="{user_id}"' if user_id else f'data-kind="{token.meta["kind"]}"'
    if group_id:
        name += f' data-group-id="{group_id}"'
    return f'<span class="mention" {name}>{escapeHtml(token.content)}</span>'


def _parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "linkify": True, "breaks": True, "maxNesting": _NESTING_MAX, "typographer": False}
    )
    parser.enable(["strikethrough", "linkify"])
    parser.disable(["html_block", "html_inline", "entity", "code", "lheading", "reference"])
    if parser.linkify is None:
        raise RuntimeError("linkify-it-py is missing")
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for schema in ("ftp:", "//"):
        parser.linkify.add(schema, None)
    parser.add_render_rule("image", _image_as_link)
    parser.add_render_rule("mention", _mention_as_span)
    return parser


_ALLOWED = {
    ("a", "href"): re.compile(r"(?:https?://|mailto:).*", re.IGNORECASE | re.DOTALL),
    ("code", "class"): re.compile(r"language-[A-Za-z0-9_+#.-]{1,30}"),
    ("span", "class"): re.compile(r"mention"),
    ("span", "data-user-id"): re.compile(r"[0-9]{1,19}"),
    ("span", "data-group-id"): re.compile(r"[0-9]{1,19}"),
    ("span", "data-kind"): re.compile(r"channel|here|group"),
    ("ol", "start"): re.compile(r"[0-9]{1,9}"),
}


def _keep(tag: str, attribute: str, value: str) -> str | None:
    allowed = _ALLOWED.get((tag, attribute))
    return value if allowed is None or allowed.fullmatch(value) else None


_parse_markdown = _parser()
_cleaner = nh3.Cleaner(
    tags={"p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "hr"}
    | {f"h{level}" for level in range(1, 7)},
    attributes={
        "a": {"href", "target"},
        "code": {"class"},
        "span": {"class", "data-user-id", "data-kind", "data-group-id"},
        "ol": {"start"},
    },
    attribute_filter=_keep,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    strip_comments=True,
)


class Draft:
    """A parsed text whose mentions are not looked up yet. `names` are the handles it may mention, in lower case."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _parse_markdown.parse(text)
        self.names = _names(self._tokens)

    def render(
        self, users: Mapping[str, int], groups: Mapping[str, int] | None = None
    ) -> tuple[str | None, list[Mention]]:
        """The HTML (None when it would say no more than the text) and the mentions, given who bears which handle."""
        mentions: dict[tuple[str, int | None], Mention] = {}
        for token in self._tokens:
            if token.children:
                token.children = list(_with_mentions(token.children, users, groups or {}, mentions))
        if self._is_plain():
            return None, []
        html = _cleaner.clean(_parse_markdown.renderer.render(self._tokens, _parse_markdown.options, {})).strip()
        return (html if len(html) <= HTML_MAX_CHARS else None), list(mentions.values())

    def _is_plain(self) -> bool:
        kept: list[str] = []
        for token in self._tokens:
            if token.type not in {"paragraph_open", "inline", "paragraph_close"}:
                return False
            for child in token.children or ():
                if child.type not in {"text", "softbreak"}:
                    return False
                kept.append(child.content)
        return "".join("".join(kept).split()) == "".join(self._text.split())


def draft(text: str) -> Draft | None:
    """None when there is nothing to render, or so much of it that only somebody who wants to hurt types it.

    The time of what passes is bounded by MARKS_MAX and the nesting (tests/unit/messaging measures the worst).
    """
    if _MARKUP.search(text) is None or len(_MARKS.findall(text)) > MARKS_MAX:
        return None
    return Draft(text)


def _candidates(handle: str) -> Iterator[str]:
    """Of "ann.lee-x": that handle, or ann.lee, or ann with more text behind it."""
    name = handle.lower()
    while name:
        yield name
        cut = max(name.rfind(mark) for mark in "._-")
        name = name[:cut].rstrip("._-") if cut > 0 else ""


def _names(tokens: Sequence[Token]) -> Collection[str]:
    names: dict[str, None] = {}
    for token in tokens:
        for text in _plain_texts(token.children or ()):
            for found in _MENTION.finditer(text.content):
                names.update(dict.fromkeys(_candidates(found[1])))
    return [name for name in names if name not in _EVERYONE][:MENTIONS_MAX]


def _plain_texts(children: Sequence[Token]) -> Iterator[Token]:
    links = 0
    for child in children:
        links += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type == "text" and links == 0:
            yield child


def _with_mentions(
    children: Sequence[Token],
    users: Mapping[str, int],
    groups: Mapping[str, int],
    mentions: dict[tuple[str, int | None], Mention],
) -> Iterator[Token]:
    plain = set(map(id, _plain_texts(children)))
    for child in children:
        if id(child) not in plain:
            yield child
            continue
        start = 0
        for found in _MENTION.finditer(child.content):
            known = next(
                (name for name in _candidates(found[1]) if name in _EVERYONE or name in users or name in groups), None
            )
            if known is None:
                continue
            end = found.start() + 1 + len(known)
            handle = child.content[found.start() + 1 : end]
            user_id = None if known in _EVERYONE else users.get(known)
            group_id = None if known in _EVERYONE or user_id is not None else groups[known]
            kind = _EVERYONE.get(known, "user" if group_id is None else "group")
            mentions.setdefault((kind, user_id or group_id), Mention(kind, handle, _text(user_id), _text(group_id)))
            yield _token("text", child.content[start : found.start()])
            yield _token("mention", f"@{handle}", kind=kind, user_id=user_id, group_id=group_id)
            start = end
        yield _token("text", child.content[start:])


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _token(name: str, content: str, **meta: Any) -> Token:
    return Token(name, "", 0, content=content, meta=meta)
