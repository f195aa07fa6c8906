"""What is done to Yjs documents as bytes (Yjs update format, version 1).

The document of a canvas is the XML fragment ROOT, as TipTap's collaboration keeps it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import pycrdt

T = TypeVar("T")

ROOT = "default"
NOTHING = bytes([0, 0])
"""The update that changes nothing."""


class MalformedError(Exception):
    """Not an update, or not a state vector, that Yjs could have made."""


def checked(update: bytes) -> bytes:
    """The update itself. Raises MalformedError."""

    def apply() -> bytes:
        pycrdt.Doc[Any]().apply_update(update)
        return update

    return _guarded(apply)


def merged(updates: Sequence[bytes]) -> bytes:
    """Updates of one document as one; what they build on may be missing."""
    return updates[0] if len(updates) == 1 else pycrdt.merge_updates(*updates)


def compacted(update: bytes) -> bytes:
    """A whole document without what was deleted meanwhile; as it is while something that it builds on is missing."""
    document = _document([update])
    # A document keeps back what it can't place, and would forget it here.
    waits = pycrdt.get_update(update, document.get_state())[0] > 0
    return update if waits else document.get_update()


def state_of(update: bytes) -> bytes:
    """The state vector of the document that this update makes."""
    return pycrdt.get_state(update)


def missing(update: bytes, state: bytes) -> bytes:
    """What a document with this state vector lacks of the update. Raises MalformedError."""
    return _guarded(lambda: pycrdt.get_update(update, state))


def fragment(update: bytes) -> pycrdt.XmlFragment:
    """The content, for reading."""
    content: pycrdt.XmlFragment = _document([update]).get(ROOT, type=pycrdt.XmlFragment)
    return content


def replacing(update: bytes, by: bytes) -> bytes:
    """The update that makes the content of the document `update` that of `by`: an edit like any other."""
    document = _document([update])
    content, wanted = document.get(ROOT, type=pycrdt.XmlFragment), fragment(by)
    before = document.get_state()
    with document.transaction():
        del content.children[0 : len(content.children)]
        _copy(wanted, content)
    return document.get_update(before)


def _document(updates: Iterable[bytes]) -> "pycrdt.Doc[Any]":
    document: pycrdt.Doc[Any] = pycrdt.Doc()
    with document.transaction():
        for update in updates:
            document.apply_update(update)
    return document


def _copy(source: "pycrdt.XmlFragment | pycrdt.XmlElement", target: "pycrdt.XmlFragment | pycrdt.XmlElement") -> None:
    for child in source.children:
        if isinstance(child, pycrdt.XmlText):
            text = target.children.append(pycrdt.XmlText())
            for part, marks in child.diff():
                text.insert(len(text), str(part), marks)
        elif isinstance(child, pycrdt.XmlElement):
            attributes = cast("Iterable[tuple[str, Any]]", child.attributes)
            element = target.children.append(pycrdt.XmlElement(child.tag, dict(attributes)))
            _copy(child, element)


def _guarded(function: Callable[[], T]) -> T:
    try:
        return function()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library underneath is not an Exception
        raise MalformedError from error
