from typing import Any

import pycrdt
import pytest
from pycrdt import XmlElement, XmlText

from apps.canvas import documents
from apps.canvas.markdown import to_markdown

Node = XmlElement | XmlText


def document(*nodes: Node) -> bytes:
    made: pycrdt.Doc[Any] = pycrdt.Doc()
    content = made.get(documents.ROOT, type=pycrdt.XmlFragment)
    for node in nodes:
        content.children.append(node)
    return made.get_update()


def el(tag: str, *children: Node | str, **attributes: Any) -> XmlElement:
    return XmlElement(tag, attributes, [XmlText(child) if isinstance(child, str) else child for child in children])


def formatted(*parts: tuple[str, dict[str, Any]]) -> bytes:
    made: pycrdt.Doc[Any] = pycrdt.Doc()
    content = made.get(documents.ROOT, type=pycrdt.XmlFragment)
    paragraph = content.children.append(XmlElement("paragraph"))
    text = paragraph.children.append(XmlText())
    for part, marks in parts:
        text.insert(len(text), part, marks)
    return made.get_update()


def p(text: str) -> XmlElement:
    return el("paragraph", text)


def li(*children: Node) -> XmlElement:
    return el("listItem", *children)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([], ""),
        ([p("")], ""),
        ([p("Hello"), p("there")], "Hello\n\nthere\n"),
        ([el("heading", "Plan", level=2), p("x")], "## Plan\n\nx\n"),
        ([p("# no heading"), p("- no list")], "\\# no heading\n\n\\- no list\n"),
        ([p("a*b_c[d]`e`")], "a\\*b\\_c\\[d\\]\\`e\\`\n"),
        ([el("bulletList", li(p("a"), el("bulletList", li(p("b")))), li(p("c")))], "- a\n  - b\n- c\n"),
        ([el("orderedList", li(p("a"), p("more")), li(p("b")), start=9)], "9. a\n\n   more\n10. b\n"),
        (
            [el("taskList", el("taskItem", p("done"), checked=True), el("taskItem", p("open"), checked=False))],
            "- [x] done\n- [ ] open\n",
        ),
        ([el("blockquote", p("a"), p("b"))], "> a\n> \n> b\n"),
        ([el("codeBlock", "a = '```'\nb", language="py")], "````py\na = '```'\nb\n````\n"),
        ([el("horizontalRule")], "---\n"),
        ([el("paragraph", "a", el("hardBreak"), "b")], "a\\\nb\n"),
        ([el("unheardOf", p("kept"))], "kept\n"),
    ],
)
def test_markdown(nodes: list[Node], said: str) -> None:
    assert to_markdown(document(*nodes)) == said


def test_marks() -> None:
    update = formatted(
        ("plain ", {}),
        ("bold ", {"bold": {}}),
        ("both", {"bold": {}, "italic": {}}),
        (" and ", {}),
        ("a*b", {"code": {}}),
        (" gone", {"strike": {}}),
        (" ", {}),
        ("here", {"link": {"href": "https://example.org/<x>"}}),
    )
    assert to_markdown(update) == "plain **bold** ***both*** and `a*b` ~~gone~~ [here](<https://example.org/%3Cx%3E>)\n"


def test_going_back_is_an_edit_that_makes_the_old_content() -> None:
    old = formatted(("Milk", {"bold": {}}), (" and tea", {}))
    now: pycrdt.Doc[Any] = pycrdt.Doc()
    now.apply_update(old)
    content = now.get(documents.ROOT, type=pycrdt.XmlFragment)
    content.children.append(el("heading", "More", level=3))
    edit = documents.replacing(now.get_update(), old)
    now.apply_update(edit)
    assert to_markdown(now.get_update()) == to_markdown(old) == "**Milk** and tea\n"


@pytest.mark.parametrize("bad", [b"", b"\x00", b"\xff" * 20, b"\x01\x02\x03", b"x" * 1000])
def test_what_is_no_update(bad: bytes) -> None:
    with pytest.raises(documents.MalformedError):
        documents.checked(bad)
    with pytest.raises(documents.MalformedError):
        documents.missing(document(p("x")), b"\xff" * 20)


def test_compacting_forgets_what_was_deleted_and_nothing_else() -> None:
    made: pycrdt.Doc[Any] = pycrdt.Doc()
    text = made.get("text", type=pycrdt.Text)
    updates = []
    for word in ("one ", "two ", "three "):
        before = made.get_state()
        text.insert(len(text), word * 100)
        updates.append(made.get_update(before))
    del text[0:400]
    whole = documents.merged([*updates, made.get_update()])
    small = documents.compacted(whole)
    assert len(small) < len(whole)
    assert documents.missing(small, made.get_state())[0] == 0

    # The second builds on the first, which has not come yet: it must be there when it does.
    kept = documents.compacted(documents.merged([updates[1]]))
    again: pycrdt.Doc[Any] = pycrdt.Doc()
    again.apply_update(documents.merged([kept, updates[0]]))
    assert str(again.get("text", type=pycrdt.Text)) == "one " * 100 + "two " * 100
