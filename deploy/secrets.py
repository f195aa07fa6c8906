"""Prints export lines with the secrets of a cluster on this host, made once beside the servers' state.

For `make run PROFILE=cluster` only. In production they come from your secret store: docs/operations.md.
"""

import base64
import json
import os
import secrets
import shlex
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / ".services" / "secrets.json"


def load() -> dict[str, str]:
    if not FILE.exists():
        FILE.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "MASTER_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "JWT_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        }
        with os.fdopen(os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(values, file)
    stored: dict[str, str] = json.loads(FILE.read_text())
    return stored


if __name__ == "__main__":
    for name, value in load().items():
        print(f"export {name}={shlex.quote(os.environ.get(name) or value)}")
