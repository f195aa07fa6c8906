"""The rules of the house that are no import rules."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parent.parent.parent


def _sources(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if "migrations" not in path.parts)


def test_no_drawer_for_everything() -> None:
    names = {"utils", "helpers", "misc", "common"}
    found = [str(path.relative_to(ROOT)) for path in _sources("apps/**/*", "slackclone/**/*") if path.stem in names]
    assert found == []


def test_no_signals_and_no_side_effects_in_save() -> None:
    signals = re.compile(r"django\.(db\.models|dispatch).*signals|@receiver|\.connect\(\w+, sender=")
    overrides = re.compile(r"def (save|delete|__init__)\(self")
    found = [path for path in _sources("apps/**/*.py") if signals.search(path.read_text())]
    found += [path for path in _sources("apps/*/models.py") if overrides.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize("room", ["accounts", "workspaces", "conversations", "messaging", "web"])
def test_verbs_take_keywords_only(room: str) -> None:
    actions = importlib.import_module(f"apps.{room}.actions")
    names = getattr(actions, "__all__", None) or [
        name
        for name, found in vars(actions).items()
        if inspect.isfunction(found) and found.__module__ == actions.__name__ and not name.startswith("_")
    ]
    verbs = [getattr(actions, name) for name in names if inspect.isfunction(getattr(actions, name))]
    assert verbs
    positional = [
        f"{verb.__module__}.{verb.__name__}"
        for verb in verbs
        if any(p.kind is not p.KEYWORD_ONLY for p in inspect.signature(verb).parameters.values())
    ]
    assert positional == []


def test_policies_are_pure() -> None:
    for path in _sources("apps/*/policies.py"):
        assert "await " not in path.read_text(), path
        assert ".objects" not in path.read_text(), path


def test_every_setting_from_the_environment_is_documented() -> None:
    source = (ROOT / "slackclone/settings.py").read_text() + (ROOT / "slackclone/keys.py").read_text()
    names = set(re.findall(r'(?:environ\.get\(|_flag\(|_list\()\s*"([A-Z_]+)"', source))
    assert names, "the pattern finds nothing"
    text = (ROOT / "docs/operations.md").read_text()
    missing = sorted(name for name in names if f"`{name}`" not in text)
    assert missing == []


def test_every_management_command_says_what_it_is_for_and_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    ours = {name: app for name, app in get_commands().items() if app == "slackclone" or app.startswith("apps.")}
    assert ours
    for name, app in ours.items():
        assert load_command_class(app, name).help, name
        assert f"manage.py {name}" in text, name


def test_where_names_files_that_exist() -> None:
    text = (ROOT / "docs/where.md").read_text()
    paths = re.findall(r"`((?:apps|slackclone|frontend|tests|docs|bench|deploy|templates|static)/[\w./-]+)`", text)
    assert len(paths) > 20
    missing = sorted({path for path in paths if not (ROOT / path).exists()})
    assert missing == []


@pytest.mark.parametrize("document", ["journey.md", "architecture.md"])
def test_documents_name_files_that_exist(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    paths = set(re.findall(r"`((?:apps|slackclone|frontend|tests|bench|deploy)/[\w./-]+\.\w+)`", text))
    assert paths
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_the_table_of_features_names_tests_that_exist() -> None:
    text = (ROOT / "docs/features.md").read_text()
    named = re.findall(r"\]\(\.\./(tests/[^)]+)\)(?: `(\w+)`)?", text)
    assert len(named) > 20
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), (path, name)
