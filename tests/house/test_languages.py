"""Every text is in every catalog, said in that language, with what is filled in; compiled as it stands."""

import io
import re
import subprocess
from pathlib import Path

import pytest
from babel.messages import mofile
from django.conf import settings

from deploy import messages

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGS = sorted(messages.LOCALE.glob("*/LC_MESSAGES/django.po"))
HOW = "run `.venv/bin/python -m deploy.messages`, and translate what is new"
_FILLED = re.compile(r"%\(\w+\)s|\{\w+\}")


def test_languages_are_those_with_catalogs_and_the_client_knows_the_same() -> None:
    folders = {path.parent.parent.name for path in CATALOGS}
    assert folders | {"en"} == set(dict(settings.LANGUAGES))
    source = (ROOT / "frontend/app/src/i18n.ts").read_text()
    listed = re.search(r"LANGUAGES: [^=]*= \{([^}]*)\}", source)
    assert listed
    assert re.findall(r'(\w+): "([^"]+)"', listed[1]) == settings.LANGUAGES


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parent.parent.name)
def test_the_server_says_everything_in(path: Path) -> None:
    catalog = messages.catalog_of(path)
    said: set[tuple[str, str | None]] = set()
    for found in messages.texts():
        first = found.text if isinstance(found.text, str) else found.text[0]
        entry = catalog.get(first, found.context)
        assert entry is not None, f"{first!r} of {found.place} is missing: {HOW}"
        forms = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
        assert all(forms), f"{first!r} is empty: {HOW}"
        assert not entry.fuzzy, f"{first!r} is fuzzy"
        assert isinstance(found.text, tuple) == (len(forms) > 1), first
        for form in forms:
            assert set(_FILLED.findall(form)) <= set(_FILLED.findall("".join(found.text))), f"{form!r} of {first!r}"
        if isinstance(found.text, str):
            assert set(_FILLED.findall(forms[0])) == set(_FILLED.findall(first)), f"{forms[0]!r} of {first!r}"
        said.add((first, found.context))
    unused = [one.id for one in catalog if one.id and (_first(one.id), one.context) not in said]
    assert unused == [], HOW
    fresh = io.BytesIO()
    mofile.write_mo(fresh, catalog)
    assert path.with_suffix(".mo").read_bytes() == fresh.getvalue(), HOW


def _first(text: object) -> str:
    return str(text[0]) if isinstance(text, list | tuple) else str(text)


def test_the_client_says_everything_in_every_language() -> None:
    done = subprocess.run(
        ["node", "scripts/messages.mjs", "--check"], cwd=ROOT / "frontend", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun `npm run messages`, and translate what is new"
