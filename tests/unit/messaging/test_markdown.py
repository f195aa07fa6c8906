"""What a text becomes, what a hostile one does not."""

import re
import sys
import time
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.messaging.events import Mention
from apps.messaging.markdown import MARKS_MAX, MENTIONS_MAX, draft

PEOPLE = {"ada": 7, "b.szabo": 8}


def render(text: str, people: Mapping[str, int]) -> tuple[str | None, list[Mention]]:
    found = draft(text)
    return (None, []) if found is None else found.render(people)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "5 > 3 & 2 < 4",
        "a_b_c",
        "mail me at ada@example.org",
        "[x](javascript:alert(1))",
        "line\nline",
        "👍",
        "a @nobody b",
    ],
)
def test_plain_text_needs_no_html(text: str) -> None:
    assert render(text, PEOPLE) == (None, [])


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>"),
        ("a *b*\nc", "<p>a <em>b</em><br>\nc</p>"),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("```ts\na<b\n```", '<pre><code class="language-ts">a&lt;b\n</code></pre>'),
        (r"\*a\*", "<p>*a*</p>"),
        ("&amp; *b*", "<p>&amp;amp; <em>b</em></p>"),
        (
            "see https://example.org/a_b.",
            (
                '<p>see <a href="https://example.org/a_b" target="_blank" rel="noopener noreferrer nofollow">'
                "https://example.org/a_b</a>.</p>"
            ),
        ),
    ],
)
def test_markup(text: str, html: str) -> None:
    assert render(text, PEOPLE)[0] == html


def test_mentions_are_found_once_in_order_and_not_in_code() -> None:
    html, mentions = render("@here @Ada and @ada, `@b.szabo` x@ada.org @b.szabo.", PEOPLE)
    assert [(m.kind, m.handle, m.user_id) for m in mentions] == [
        ("here", "here", None),
        ("user", "Ada", "7"),
        ("user", "b.szabo", "8"),
    ]
    assert html is not None
    assert '<span class="mention" data-user-id="7">@Ada</span>' in html
    assert "<code>@b.szabo</code>" in html


def test_names_to_look_up_are_bounded_and_include_shorter_readings() -> None:
    def names(text: str) -> list[str]:
        found = draft(text)
        return [] if found is None else list(found.names)

    assert names("@Ada x@b @c-d. @ `@code`") == ["ada", "c-d", "c"]
    assert names("@here @channel @everyone") == []
    assert len(names(" ".join(f"@p{n}" for n in range(500)))) == MENTIONS_MAX


def test_the_longest_handle_that_somebody_bears_is_meant() -> None:
    html, mentions = render("@ada.lovelace @ada-x @adam", PEOPLE)
    assert [m.handle for m in mentions] == ["ada"]
    assert html is not None
    assert html.count("mention") == 2
    assert "</span>.lovelace" in html


def test_an_image_becomes_a_link() -> None:
    html, _ = render("![a *b*](https://example.org/i.png)", PEOPLE)
    assert html == (
        '<p><a href="https://example.org/i.png" target="_blank" rel="noopener noreferrer nofollow">a b</a></p>'
    )


def test_a_mention_in_a_link_is_a_link() -> None:
    html, mentions = render("[@ada](https://example.org) https://example.org/@ada", PEOPLE)
    assert mentions == []
    assert html is not None
    assert "mention" not in html


def test_emoji_names_and_file_names_stay_as_they_are() -> None:
    assert render(":slightly_smiling_face: README.md e.g. a_b_c 1 * 2 * 3", PEOPLE) == (None, [])


def test_the_worst_text_takes_milliseconds() -> None:
    """Texts with more marks than MARKS_MAX are not parsed; these have just as many."""
    for unit in ("*a ", "http://a.b ", "[a](", "`a", ">", "- a\n", "mailto:", "@a.b.c.d ", "![", "**", "_*"):
        text = (unit * MARKS_MAX)[:12_000]
        while draft(text) is None:
            text = text[: len(text) - max(1, len(text) // 20)]
        started = time.process_time()
        render(text, PEOPLE)
        assert time.process_time() - started < 1.0, unit


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "style", "svg", "object", "form", "input", "base", "link", "meta"}:
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "src", "id"}:
                self.bad.append(name)
            if name == "href" and not re.match(r"(https?:|mailto:)", value or "", re.IGNORECASE):
                self.bad.append(f"href={value}")


HOSTILE = [
    "<script>alert(1)</script>",
    "**x** <img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) **b**",
    "[x](JaVaScRiPt:alert(1)) **b**",
    "[x](&#106;avascript:alert(1)) **b**",
    "[x](data:text/html;base64,PHNjcmlwdD4=) **b**",
    "![x](data:image/svg+xml;base64,AAAA) **b**",
    '[x](https://a.b "onmouseover=alert(1)) **b**',
    '[x](https://a.b/"onclick=alert(1)) **b**',
    '```"onload=alert(1)\n<b>\n```',
    "```<svg/onload=alert(1)>\nx\n```",
    "<https://a.b/<script>>",
    "[<script>alert(1)</script>](https://a.b)",
    "`<script>`",
    "<a href='javascript:alert(1)'>x</a> **b**",
    "[a]: javascript:alert(1)\n[a] **b**",
    "<svg><style><img title='</style><img src onerror=alert(1)>'> **b**",
    "[x](vbscript:msgbox) *b*",
    "[x](\x01javascript:alert(1)) *b*",
    "<!--<img src='--><img src=x onerror=alert(1)//'>*b*",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gives_nothing_that_runs(text: str) -> None:
    html, _ = render(text, PEOPLE)
    page = _Page()
    page.feed(html or "")
    assert page.bad == []


@given(st.text(alphabet="abc<>\"'`*_~[]()!&;:/\\@#-+.\n 1:jsx", max_size=200))
def test_any_text_gives_nothing_that_runs(text: str) -> None:
    html, mentions = render(text, PEOPLE)
    page = _Page()
    page.feed(html or "")
    assert page.bad == []
    assert not mentions or html


@pytest.mark.parametrize(
    "unit", ["[", "*a", "![[", ">", "- ", "`", "a**b", "@ada ", "[a](b)", "~~a", "*_~~`[", "<", "\\"]
)
def test_work_grows_with_the_text_only(unit: str) -> None:
    def calls(characters: int) -> int:
        text = (unit * characters)[:characters]
        count = 0

        def trace(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(trace)
        try:
            render(text, PEOPLE)
        finally:
            sys.setprofile(None)
        return count

    # Four times the text: quadratic work would take sixteen times as many calls.
    assert calls(12_000) < 8 * max(calls(3_000), 500)
