"""Each import contract of pyproject.toml catches a deliberate violation, planted into a copy of the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# contract id -> (file, the line that breaks it)
VIOLATIONS = {
    "layers": ("apps/core/clock.py", "import apps.messaging.ports"),
    "project": ("apps/core/clock.py", "import slackclone.keys"),
    "backends": ("apps/eventlog/registry.py", "import apps.eventlog.backends.log_sqlite"),
    "models": ("apps/gateway/session.py", "import apps.accounts.models"),
    "append": ("apps/messaging/queries.py", "import apps.eventlog.append"),
    "thin-doors": ("apps/accounts/api.py", "import apps.accounts.models"),
    "core": ("apps/core/clock.py", "import apps.accounts.models"),
    "cycles": ("apps/core/clock.py", "import apps.core.ids"),
}


def _lint(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--contract", contract],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("apps", "slackclone"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_contract_catches_a_violation(tree: Path, contract: str) -> None:
    file, line = VIOLATIONS[contract]
    source = tree / file
    source.write_text(source.read_text() + f"\n{line}\n")
    done = _lint(tree, contract)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def test_every_contract_has_a_violation_here() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    ids = [line.split('"')[1] for line in text.splitlines() if line.startswith('id = "')]
    assert sorted(ids) == sorted(VIOLATIONS)


def test_a_new_room_must_be_given_its_place(tree: Path) -> None:
    (tree / "apps" / "attic").mkdir()
    (tree / "apps" / "attic" / "__init__.py").write_text("")
    done = _lint(tree, "layers")
    assert done.returncode == 1
    assert "attic" in done.stdout
