"""Link previews reach nothing but public addresses, however they are asked to."""

import http.server
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from apps.previews import fetch as fetching
from apps.previews.addresses import is_public
from apps.previews.cards import read_card
from apps.previews.fetch import RefusedError, fetch

# What must never be connected to: as numbers in every notation, as names that resolve there, in every disguise.
ADDRESSES = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254",
    "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200",
    "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:c0a8:1::1",
    "2001:0:7f00:1::", "2001:db8::1", "2001:10::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1", "100::1",
]  # fmt: skip
HOSTS = [
    "http://localhost/", "http://LOCALHOST:80/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/", "http://0/",
    "http://00000000/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[fe80::1%25lo]/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://localhost./", "http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/",
]  # fmt: skip
NEVER = [
    "file:///etc/passwd", "ftp://example.org/", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/",
    "javascript:alert(1)", "data:text/html,<title>x</title>", "//127.0.0.1/", "http:///", "http://", "",
    "http://user@127.0.0.1/", "http://example.org@127.0.0.1/", "http://127.0.0.1@example.org/",
    "http://example.org:22/", "http://example.org:6379/", "http://example.org:99999/", "http://exa mple.org/",
    "http://example.org/\r\nHost: internal", "http://example.org\\@127.0.0.1/", "http://127.0.0.1:80#@example.org/",
    "http://[::1", "http://example.org:-1/", "http://example_\0.org/", "http://" + "a" * 3000 + "/",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"]


class Wire:
    """Stands where connections are made: what is asked of it left the house."""

    def __init__(self) -> None:
        self.gone: list[tuple[str, int]] = []

    def __call__(self, address: str, port: int, _timeout_s: float) -> socket.socket:
        self.gone.append((address, port))
        raise OSError("unreachable")


@pytest.mark.parametrize("address", ADDRESSES)
def test_inner_addresses_are_refused_whatever_name_leads_there(address: str) -> None:
    assert not is_public(address)
    for answer in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        wire = Wire()
        with pytest.raises(RefusedError):
            fetch("https://harmless.example/", resolve=lambda *_, answer=answer: answer, connect=wire)
        assert wire.gone == []


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_asked_and_pinned(address: str) -> None:
    assert is_public(address)
    wire = Wire()
    with pytest.raises(RefusedError):
        fetch("https://harmless.example/", resolve=lambda *_: [address], connect=wire)
    assert wire.gone == [(address, 443)]


@pytest.mark.parametrize("url", HOSTS + NEVER)
def test_disguises(url: str) -> None:
    wire = Wire()

    def resolve(host: str, port: int) -> Sequence[str]:
        # names without digits that are not the local host would ask a name server, which tests have none of
        return ["93.184.216.34"] if "example" in host else fetching.resolve(host, port)

    with pytest.raises(RefusedError):
        fetch(url, resolve=resolve, connect=wire)
    assert [place for place in wire.gone if not is_public(place[0]) or place[1] not in {80, 443}] == []


def test_there_are_at_least_sixty_targets() -> None:
    assert len(ADDRESSES) + len(HOSTS) + len(NEVER) >= 60


class Page(http.server.BaseHTTPRequestHandler):
    answers: dict[str, Any] = {}

    def do_GET(self) -> None:
        status, headers, body = self.answers.get(self.path, (404, {}, b""))
        type(self).seen.append((self.path, dict(self.headers)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in body if isinstance(body, list) else [body]:
            try:
                self.wfile.write(piece)
                self.wfile.flush()
            except OSError:
                return
            if isinstance(body, list):
                time.sleep(0.05)

    seen: list[tuple[str, dict[str, str]]] = []

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def site() -> Iterator[tuple[int, type[Page]]]:
    handler = type("Site", (Page,), {"answers": {}, "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, handler
    server.shutdown()
    server.server_close()
    thread.join()


HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_a_page_is_read_without_cookies(site: tuple[int, type[Page]]) -> None:
    port, pages = site
    pages.answers["/a"] = (302, {"Location": "/b?q=ä", "Set-Cookie": "s=1"}, b"")
    pages.answers["/b?q=%C3%A4"] = (200, HTML, b"<title>Hello &amp; welcome</title>")
    url, html = fetch(f"http://127.0.0.1:{port}/a", permitted=lambda _, asked: asked == port)
    assert url.endswith("/b?q=ä")
    card = read_card(url, html, host="127.0.0.1")
    assert card is not None
    assert card.title == "Hello & welcome"
    assert not {"Cookie", "Referer", "Authorization"} & {name for _, headers in pages.seen for name in headers}


def test_redirects_go_through_the_same_door(site: tuple[int, type[Page]]) -> None:
    port, pages = site
    connected: list[tuple[str, int]] = []

    def wire(address: str, asked: int, timeout_s: float) -> socket.socket:
        connected.append((address, asked))
        return fetching.connect(address, asked, timeout_s)

    inner = [f"http://[{address}]/" if ":" in address else f"http://{address}/" for address in ADDRESSES]
    for number, target in enumerate([*inner, *HOSTS, *NEVER[:6]]):
        pages.answers[f"/{number}"] = (302, {"Location": target.encode().decode("latin-1")}, b"")
        connected.clear()
        with pytest.raises(RefusedError):
            fetch(
                f"http://127.0.0.1:{port}/{number}",
                connect=wire,
                permitted=lambda address, asked: asked == port or fetching.public_only(address, asked),
            )
        assert connected == [("127.0.0.1", port)], target


def test_a_name_that_changes_its_mind_is_asked_once(site: tuple[int, type[Page]]) -> None:
    port, pages = site
    pages.answers["/"] = (200, HTML, b"<title>x</title>")
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    fetch(f"http://rebinding.example:{port}/", resolve=resolve, permitted=lambda _, to: to == port)
    assert asked == ["rebinding.example"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "image/png"}, b"x"),
        (200, {"Content-Type": "application/json"}, b"{}"),
        (200, {}, b"<title>x</title>"),
        (200, {**HTML, "Content-Encoding": "gzip"}, b"\x1f\x8b"),
        (500, HTML, b"<title>x</title>"),
        (302, {"Location": "/"}, b""),
        (302, {}, b""),
    ],
)
def test_what_is_no_page_is_refused(site: tuple[int, type[Page]], status: int, headers: Any, body: bytes) -> None:
    port, pages = site
    pages.answers["/"] = (status, headers, body)
    with pytest.raises(RefusedError):
        fetch(f"http://127.0.0.1:{port}/", permitted=lambda _, asked: asked == port)


def test_large_and_slow_pages_end(site: tuple[int, type[Page]], monkeypatch: pytest.MonkeyPatch) -> None:
    port, pages = site
    pages.answers["/large"] = (200, HTML, b"x" * (fetching.BYTES * 3))
    _, html = fetch(f"http://127.0.0.1:{port}/large", permitted=lambda _, asked: asked == port)
    assert len(html) == fetching.BYTES
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    pages.answers["/slow"] = (200, HTML, [b"x"] * 200)
    with pytest.raises(RefusedError):
        fetch(f"http://127.0.0.1:{port}/slow", permitted=lambda _, asked: asked == port)


def test_a_card_is_text() -> None:
    page = """<html><head><title>\u202eplain</title><meta property="og:title" content="<script>alert(1)</script>">
    <meta name=description content="one &lt;b&gt;\n two"><meta property="og:site_name" content="Site"></head>"""
    card = read_card("https://e.example/", page, host="e.example")
    assert card is not None
    assert (card.title, card.text, card.site) == ("<script>alert(1)</script>", "one <b> two", "Site")
    assert read_card("https://e.example/", "<p>no title</p>", host="e.example") is None
    long = read_card("https://e.example/", f"<title>{'t' * 9000}</title>", host="e.example")
    assert long is not None
    assert len(long.title) == 200
