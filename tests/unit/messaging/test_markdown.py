"""What a text becomes, what a hostile one does not."""

import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.messaging.markdown import handles, has_markup, render

PEOPLE = {"ada": 7, "b.szabo": 8}


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
        ("&amp;", "<p>&amp;</p>"),
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
        ("user", "ada", "7"),
        ("user", "b.szabo", "8"),
    ]
    assert html is not None
    assert '<span class="mention" data-user-id="7">@Ada</span>' in html
    assert "<code>@b.szabo</code>" in html


def test_handles_are_bounded() -> None:
    assert list(handles("@Ada x@b @c-d. @")) == ["ada", "c-d"]
    assert len(handles(" ".join(f"@p{n}" for n in range(500)))) == 100


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
    assert html is None or has_markup(text)
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
