"""What the client consists of, for the service worker to keep, and what a browser needs to install it."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

PAGE = "/shell"
WORKER = "js/sw.js"
PLAIN = (  # those whose names do not tell their version
    "css/tokens.css",
    "css/base.css",
    "js/theme.js",
    "img/logo.svg",
    "img/icon-192.png",
)
ON_DEMAND_MAX_BYTES = 200_000  # a larger part (the editor of canvases) is kept once it was used


@dataclass(frozen=True, slots=True)
class Shell:
    version: str
    files: list[str]


def worker() -> bytes:
    """The script of the service worker, after the list of what it keeps."""
    shell = _shell()
    told = {"version": shell.version, "page": PAGE, "files": shell.files}
    return b"self.SHELL = " + json.dumps(told).encode() + b";\n" + _static(WORKER).read_bytes()


def manifest() -> dict[str, Any]:
    """https://www.w3.org/TR/appmanifest/"""
    return {
        "id": "/",
        "name": "slackclone",
        "short_name": "slackclone",
        "description": _("Team chat: channels, threads, direct messages."),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f3f9",
        "theme_color": "#5546d6",
        "categories": ["productivity", "social"],
        "icons": [
            {"src": "/static/img/logo.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
            {"src": "/static/img/icon-192.png", "sizes": "192x192", "type": "image/png", "purpose": "any"},
            {"src": "/static/img/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
            {
                "src": "/static/img/icon-maskable-512.png",
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            },
        ],
        "shortcuts": [
            {"name": _("Unreads"), "url": "/w/unreads"},
            {"name": _("Threads"), "url": "/w/threads"},
            {"name": _("Activity"), "url": "/w/activity"},
            {"name": _("Search"), "url": "/w/search"},
        ],
    }


def _png(name: str, side: int, *, purpose: str = "any") -> dict[str, str]:
    return {"src": f"/static/img/{name}.png", "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}


def _static(name: str) -> Path:
    return Path(settings.BASE_DIR) / "static" / name


def _shell() -> Shell:
    built = _static("dist/manifest.json")
    return _read(built, built.stat().st_mtime_ns if built.exists() else 0)


@lru_cache(maxsize=1)
def _read(built: Path, changed_at: int) -> Shell:
    """Anew when the client was built anew. Without a build there are only the plain files."""
    manifest: dict[str, Any] = json.loads(built.read_bytes()) if changed_at else {}
    names: set[str] = set()
    for chunk in manifest.values():
        path = built.parent / chunk["file"]
        if chunk.get("isEntry") or not path.exists() or path.stat().st_size <= ON_DEMAND_MAX_BYTES:
            names |= {chunk["file"], *chunk.get("css", [])}
    digest = hashlib.sha256()
    for name in (*PLAIN, WORKER):
        digest.update(_static(name).read_bytes())
    digest.update((Path(settings.BASE_DIR) / "templates/shell.html").read_bytes())
    digest.update("\n".join(sorted(names)).encode())
    files = [*(f"/static/{name}" for name in PLAIN), *(f"/static/dist/{name}" for name in sorted(names))]
    return Shell(digest.hexdigest()[:16], files)
