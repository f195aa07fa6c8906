"""A canvas as Markdown (CommonMark, with GitHub's strikethrough and task lists)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pycrdt

from apps.canvas import documents

Element = pycrdt.XmlElement
_ESCAPED = str.maketrans({char: "\\" + char for char in "\\`*_[]<>~"})
_MARKS = (("code", "`"), ("bold", "**"), ("italic", "*"), ("strike", "~~"))


def to_markdown(update: bytes) -> str:
    """The content of the document that this update makes."""
    blocks = _blocks(documents.fragment(update))
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _blocks(parent: "pycrdt.XmlFragment | Element") -> list[str]:
    return [text for child in parent.children if isinstance(child, Element) and (text := _block(child)) is not None]


def _block(element: Element) -> str | None:
    write = _BLOCKS.get(element.tag or "")
    return write(element) if write else "\n\n".join(_blocks(element)) or None


def _paragraph(element: Element) -> str | None:
    return _line(element) or None


def _heading(element: Element) -> str:
    level = int(_number(element.attributes.get("level"), 1))
    return f"{'#' * min(max(level, 1), 6)} {_line(element)}"


def _quote(element: Element) -> str:
    return _prefixed("\n\n".join(_blocks(element)), "> ", "> ")


def _code(element: Element) -> str:
    text = _plain(element)
    fence = "```"
    while fence in text:
        fence += "`"
    language = element.attributes.get("language")
    return f"{fence}{language if isinstance(language, str) else ''}\n{text}\n{fence}"


def _rule(_element: Element) -> str:
    return "---"


def _bullets(element: Element) -> str:
    return _list(element, lambda _index, _item: "- ")


def _numbers(element: Element) -> str:
    start = int(_number(element.attributes.get("start"), 1))
    return _list(element, lambda index, _item: f"{start + index}. ")


def _tasks(element: Element) -> str:
    return _list(
        element, lambda _index, item: "- [x] " if item.attributes.get("checked") in {True, "true"} else "- [ ] "
    )


def _list(element: Element, marker: Callable[[int, Element], str]) -> str:
    items = [child for child in element.children if isinstance(child, Element)]
    written = []
    for index, item in enumerate(items):
        mark = marker(index, item)
        indent = " " * (2 if mark.startswith("-") else len(mark))
        written.append(_prefixed(_tight(item), mark, indent))
    return "\n".join(written)


def _tight(item: Element) -> str:
    """An item's blocks; a list in it follows its text without a blank line."""
    text = ""
    for child in item.children:
        if isinstance(child, Element):
            block = _block(child) or ""
            close = child.tag in {"bulletList", "orderedList", "taskList"}
            text += ("\n" if close else "\n\n") * bool(text) + block
    return text


_BLOCKS: Mapping[str, Callable[[Element], str | None]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "blockquote": _quote,
    "codeBlock": _code,
    "horizontalRule": _rule,
    "bulletList": _bullets,
    "orderedList": _numbers,
    "taskList": _tasks,
}


def _line(element: Element) -> str:
    text = "".join(_inline(element))
    # A paragraph must not begin what it is not.
    return "\\" + text if text[:1] in {"#", "-", "+", ">"} else text


def _inline(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, pycrdt.XmlText):
            for part, attributes in child.diff():
                yield _marked(str(part), attributes or {})
        elif isinstance(child, Element) and child.tag == "hardBreak":
            yield "\\\n"


def _marked(text: str, attributes: Mapping[str, Any]) -> str:
    core = text.strip()
    if not core:
        return text
    before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
    marks = [sign for name, sign in _MARKS if name in attributes]
    marked = core if "`" in marks else core.translate(_ESCAPED)
    for sign in marks:
        marked = f"{sign}{marked}{sign}"
    link = attributes.get("link")
    if isinstance(link, Mapping) and isinstance(link.get("href"), str):
        marked = f"[{marked}](<{link['href'].replace('>', '%3E').replace('<', '%3C')}>)"
    return before + marked + after


def _plain(element: Element) -> str:
    return "".join(
        str(part) for child in element.children if isinstance(child, pycrdt.XmlText) for part, _ in child.diff()
    )


def _prefixed(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        (first if index == 0 else others if line or others.strip() else "") + line for index, line in enumerate(lines)
    )


def _number(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default
