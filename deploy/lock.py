"""Writes the pinned requirements from the .in files by installing them into an empty environment."""

import subprocess
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _freeze(python: Path, requirements: str) -> list[str]:
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], cwd=ROOT, check=True)
    done = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True)
    return sorted(done.stdout.split("\n"), key=str.lower)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = Path(directory, "bin", "python")
        runtime = [line for line in _freeze(python, "requirements.in") if line]
        (ROOT / "requirements.txt").write_text("\n".join(runtime) + "\n")
        extra = [line for line in _freeze(python, "requirements-test.in") if line and line not in runtime]
        (ROOT / "requirements-test.txt").write_text("\n".join(["-r requirements.txt", *extra]) + "\n")


if __name__ == "__main__":
    main()
