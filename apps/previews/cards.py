"""What a page says of itself, as plain text. No image of it is taken: a card loads nothing from elsewhere."""

import re
from html.parser import HTMLParser

import msgspec

TITLE_MAX = 200
TEXT_MAX = 400
SITE_MAX = 80
_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_META = {
    "og:title": "title",
    "twitter:title": "title",
    "og:description": "text",
    "twitter:description": "text",
    "description": "text",
    "og:site_name": "site",
}


class Card(msgspec.Struct, frozen=True):
    url: str
    title: str
    text: str
    site: str


def read_card(url: str, html: str, *, host: str) -> Card | None:
    """None when the page has no title."""
    reader = _Reader()
    reader.feed(html)
    title = _clean(reader.meta.get("title") or reader.title, TITLE_MAX)
    if not title:
        return None
    return Card(
        url, title, _clean(reader.meta.get("text", ""), TEXT_MAX), _clean(reader.meta.get("site", "") or host, SITE_MAX)
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.meta: dict[str, str] = {}
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = not self.title
        elif tag == "meta":
            values = {name: value or "" for name, value in attrs}
            field = _META.get((values.get("property") or values.get("name") or "").lower())
            if field and values.get("content"):
                self.meta.setdefault(field, values["content"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.title) < TITLE_MAX * 4:
            self.title += data


def _clean(text: str, longest: int) -> str:
    kept = _INVISIBLE.sub(" ", text.encode("utf-8", "ignore").decode())
    short = _SPACE.sub(" ", kept).strip()
    return short if len(short) <= longest else short[: longest - 1] + "…"
