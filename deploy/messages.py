"""Brings the texts of Python and of the templates into locale/*/LC_MESSAGES/django.po, and compiles those.

What is marked with gettext, and also the texts that errors are raised with: apps.core.errors translates those itself.
"""

import ast
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "pgettext": ((1, "c"), 2),
    "ngettext": (1, 2),
    "npgettext": ((1, "c"), 2, 3),
}


@dataclass(frozen=True)
class Found:
    text: str | tuple[str, str]
    context: str | None
    place: str


def texts() -> list[Found]:
    found: list[Found] = []
    for folder in ("apps", "slackclone"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text()
            place = str(path.relative_to(ROOT))
            found += _marked(source, place)
            found += [Found(text, None, place) for text in _said_by_errors(ast.parse(source))]
    for path in sorted((ROOT / "templates").rglob("*.*")):
        place = str(path.relative_to(ROOT))
        code = templatize(path.read_text(), origin=place)
        found += _marked("\n".join(line.strip() for line in code.splitlines()), place)
    return found


def _marked(source: str, place: str) -> Iterator[Found]:
    for _line, text, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
        yield Found(text if isinstance(text, str) else (text[0], text[1]), context, place)


def _said_by_errors(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (getattr(node.func, "id", "").endswith("Error")):
            yield from _literals(node.args[:1])
            for keyword in node.keywords:
                if keyword.arg == "errors" and isinstance(keyword.value, ast.Dict):
                    for value in keyword.value.values:
                        yield from _literals(value.elts if isinstance(value, ast.List) else [])
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
        ):
            names = [getattr(target, "id", "") for target in node.targets[0].elts]
            if names == ["code", "status", "title"]:
                yield from _literals(node.value.elts[2:])


def _literals(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        # Sentences only: what says something to developers begins with a small letter.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value[:1].isupper():
            yield node.value


def catalog_of(path: Path) -> Catalog:
    with path.open("rb") as file:
        return pofile.read_po(file, locale=path.parent.parent.name)


def main() -> None:
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        old = catalog_of(path)
        fresh = Catalog(
            locale=old.locale, fuzzy=False, project="slackclone", version="1", copyright_holder="slackclone"
        )
        for found in texts():
            known = old.get(found.text if isinstance(found.text, str) else found.text[0], found.context)
            said = known.string if known is not None and known.pluralizable == isinstance(found.text, tuple) else None
            fresh.add(found.text, said, locations=[(found.place, None)], context=found.context)  # type: ignore[list-item]
        fresh.creation_date = fresh.revision_date = datetime(
            2026, 11, 25, tzinfo=UTC
        )  # a file changes with its texts only
        with path.open("wb") as file:
            pofile.write_po(file, fresh, width=120, sort_output=True, include_lineno=False, omit_header=False)
        with path.with_suffix(".mo").open("wb") as file:
            mofile.write_mo(file, catalog_of(path))
        print(f"{path.relative_to(ROOT)}: {len(fresh)} texts")


if __name__ == "__main__":
    main()
