"""What browsers keep of the client, and what they need to install it."""

import json
from typing import Any

from apps.web import shell


def test_the_kept_page_knows_nobody(client):
    answer = client.get("/shell")
    assert answer.status_code == 200
    assert not answer.cookies
    assert b"csrf" not in answer.content
    assert b"nonce" not in answer.content
    assert "script-src 'self';" in answer["Content-Security-Policy"] + ";"


def test_the_worker_lists_what_there_is(client):
    answer = client.get("/sw.js")
    first, _, rest = answer.content.decode().partition("\n")
    told = json.loads(first.removeprefix("self.SHELL = ").removesuffix(";"))
    assert rest.startswith("/* The service worker")
    assert told["page"] == "/shell"
    plain = [path for path in told["files"] if "/dist/" not in path]
    assert len(plain) == len(shell.PLAIN)
    for path in plain:
        assert client.get(path).status_code == 200, path


def test_another_client_is_another_version(tmp_path, settings):
    for name in (*shell.PLAIN, shell.WORKER):
        (tmp_path / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "static" / name).write_text(name)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/shell.html").write_text("page")
    dist = tmp_path / "static/dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "assets/main-1.js").write_text("main")
    (dist / "assets/canvas-1.js").write_text("x" * (shell.ON_DEMAND_MAX_BYTES + 1))
    settings.BASE_DIR = tmp_path

    def told(main: str) -> Any:
        chunks = {
            "main": {"file": main, "isEntry": True, "css": ["assets/main-1.css"]},
            "canvas": {"file": "assets/canvas-1.js"},
        }
        (dist / "manifest.json").write_text(json.dumps(chunks))
        return json.loads(shell.worker().partition(b"\n")[0].removeprefix(b"self.SHELL = ").removesuffix(b";"))

    before = told("assets/main-1.js")
    assert "/static/dist/assets/main-1.js" in before["files"]
    assert "/static/dist/assets/main-1.css" in before["files"]
    assert "/static/dist/assets/canvas-1.js" not in before["files"], "what is large comes when it is wanted"
    assert told("assets/main-22.js")["version"] != before["version"]


def test_the_manifest_has_an_icon_for_every_shape(client):
    answer = client.get("/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
