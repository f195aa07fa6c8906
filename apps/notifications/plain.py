"""A message as the plain text of a lock screen or a letter: no markup, people by their names."""

from html.parser import HTMLParser

from apps.accounts import queries as accounts
from apps.messaging.events import Content

# Where a reader of the text alone needs a break.
_BREAKS = frozenset({"br", "p", "li", "pre", "blockquote", "ol", "ul", "h1", "h2", "h3", "h4", "h5", "h6", "hr"})


def of(content: Content) -> str:
    """Reads the names of whom it mentions from the database, when it mentions somebody."""
    if content.html is None:
        return content.text
    named = [int(mention.user_id) for mention in content.mentions if mention.user_id is not None]
    names = {str(user_id): user.name for user_id, user in accounts.users(named).items()} if named else {}
    reader = _Reader(names)
    reader.feed(content.html)
    reader.close()
    return "\n".join(line.strip() for line in "".join(reader.parts).split("\n") if line.strip())


class _Reader(HTMLParser):
    """`names`: by the id of a mention."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._names = names
        self._mention: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")
        if tag == "span":
            self._mention = self._names.get(dict(attrs).get("data-user-id") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")
        if tag == "span":
            self._mention = None

    def handle_data(self, data: str) -> None:
        if self._mention is None:
            self.parts.append(data)
        else:
            self.parts.append(f"@{self._mention}")
            self._mention = ""
