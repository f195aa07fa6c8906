"""The process's secrets: generated once in DATA_DIR when embedded, taken from the environment in a cluster."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

_NAMES = {"django": "SECRET_KEY", "master": "MASTER_KEYS", "jwt": "JWT_KEYS"}


class Secrets(NamedTuple):
    """`master` and `jwt` are `ID:BASE64,…` lists of 32-byte keys."""

    django: str
    master: str
    jwt: str


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def path(data_dir: Path) -> Path:
    return data_dir / "secrets.json"


def write(data_dir: Path, values: Secrets) -> None:
    """Replace the file in one step, readable by its owner only, durable before it takes the old one's place."""
    target = path(data_dir)
    temporary = target.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(values._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)


def load(data_dir: Path, *, embedded: bool) -> Secrets:
    found = {field: os.environ.get(name, "") for field, name in _NAMES.items()}
    if not all(found.values()):
        if not embedded:
            missing = ", ".join(_NAMES[field] for field, value in found.items() if not value)
            message = f"the cluster profile takes its secrets from the environment; missing: {missing}"
            raise SystemExit(message)
        if not path(data_dir).exists():
            write(data_dir, Secrets(secrets.token_urlsafe(48), f"1:{new_key()}", f"1:{new_key()}"))
        stored = json.loads(path(data_dir).read_text())
        found = {field: value or stored[field] for field, value in found.items()}
    return Secrets(**found)


def vapid(data_dir: Path, *, embedded: bool) -> str:
    """The private key of Web Push: 32 bytes, base64url. Empty in a cluster that was given none: no Web Push."""
    given = os.environ.get("VAPID_PRIVATE_KEY", "")
    if given or not embedded:
        return given
    file = data_dir / "vapid.key"
    if not file.exists():
        number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        made = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
        temporary = file.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(made)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    return file.read_text().strip()
