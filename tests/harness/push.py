"""Push services on loopback that speak their protocol: Web Push, FCM with its OAuth, APNs over HTTP/2.

Each takes what the real one takes, checks what the real one checks and answers its errors. `script` decides, by token,
how a device answers: a list of answers, the last of which stays.
"""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Taken:
    """What a service accepted for a device."""

    token: str
    headers: Mapping[str, str]
    payload: dict[str, Any]


class Service:
    """A server on loopback; `taken` is what it accepted, `requests` counts all that was asked, by token."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.asked: dict[str, int] = defaultdict(int)
        self.script: dict[str, list[Answer]] = {}
        self.arrived = asyncio.Condition()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._connected: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._connected:
                writer.close()
            await self._server.wait_closed()

    def scripted(self, token: str) -> Answer | None:
        self.asked[token] += 1
        answers = self.script.get(token)
        if not answers:
            return None
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def accept(self, taken: Taken) -> None:
        async with self.arrived:
            self.taken.append(taken)
            self.arrived.notify_all()

    async def wait_for(self, count: int, *, timeout_s: float = 30.0) -> list[Taken]:
        async with asyncio.timeout(timeout_s), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= count)
            return list(self.taken)

    async def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP/1.1 with keep-alive."""
        self._connected.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = await self.answer(Request(method, path, headers, body))
                content = b"" if answer.body is None else json.dumps(answer.body).encode()
                extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
                writer.write(
                    f"HTTP/1.1 {answer.status} X\r\ncontent-length: {len(content)}\r\n{extra}\r\n".encode() + content
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connected.discard(writer)
            writer.close()


class Browser:
    """A subscription's keys, as a browser keeps them."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.secret = b"0123456789abcdef"

    @property
    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": _text(point), "auth": _text(self.secret)}

    def open(self, body: bytes) -> dict[str, Any]:
        opened = http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret, version="aes128gcm")
        found: dict[str, Any] = json.loads(opened)
        return found


class WebPushService(Service):
    """Checks VAPID and opens what only the browser of the endpoint can open."""

    def __init__(self) -> None:
        super().__init__()
        self.browsers: dict[str, Browser] = {}

    def subscribe(self, name: str, browser: Browser | None = None) -> tuple[str, Browser]:
        """(endpoint, browser)"""
        made = self.browsers[f"/push/{name}"] = browser or Browser()
        return f"{self.url}/push/{name}", made

    async def answer(self, request: Request) -> Answer:
        scripted = self.scripted(request.path)
        if scripted is not None and scripted.status >= 300:
            return scripted
        browser = self.browsers.get(request.path)
        if browser is None:
            return Answer(404)
        if request.headers.get("content-encoding") != "aes128gcm" or not request.headers.get("ttl", "").isdigit():
            return Answer(400)
        if not self.vapid_holds(request):
            return Answer(403)
        await self.accept(Taken(request.path, request.headers, browser.open(request.body)))
        return Answer(201)

    def vapid_holds(self, request: Request) -> bool:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(parts["k"]))
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=self.url, options={"require": ["exp"]})
        return scheme == "vapid" and claims["sub"].startswith(("mailto:", "https:"))


class FcmService(Service):
    """The OAuth endpoint and messages:send of one project."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.granted: list[str] = []
        self.revoked: set[str] = set()

    def credentials(self) -> dict[str, str]:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "project_id": "chat",
            "private_key_id": "k1",
            "private_key": pem,
            "client_email": "push@chat.example",
            "token_uri": f"{self.url}/token",
        }

    async def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return self._grant(request)
        if request.path != "/v1/projects/chat/messages:send":
            return Answer(404)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.granted or token in self.revoked:
            return fcm_error(401, "UNAUTHENTICATED")
        message = json.loads(request.body)["message"]
        if not all(isinstance(value, str) for value in message["data"].values()):
            return fcm_error(400, "INVALID_ARGUMENT")
        scripted = self.scripted(message["token"])
        if scripted is not None and scripted.status >= 300:
            return scripted
        await self.accept(Taken(message["token"], request.headers, message))
        return Answer(200, {"name": "projects/chat/messages/1"})

    def _grant(self, request: Request) -> Answer:
        from urllib.parse import parse_qs

        form = parse_qs(request.body.decode())
        claims = jwt.decode(
            form["assertion"][0], self.key.public_key(), algorithms=["RS256"], audience=f"{self.url}/token"
        )
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"] or "firebase" not in claims["scope"]:
            return Answer(400, {"error": "invalid_grant"})
        self.granted.append(f"access-{len(self.granted)}")
        return Answer(200, {"access_token": self.granted[-1], "expires_in": 3599, "token_type": "Bearer"})


def fcm_error(status: int, code: str, *, text: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    error = {"code": status, "message": text, "status": code, "details": details}
    return Answer(status, {"error": error}, headers or {})


class ApnsService(Service):
    """HTTP/2 without TLS, by prior knowledge; provider tokens are checked."""

    def __init__(self) -> None:
        super().__init__()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.expired: set[str] = set()
        self.connections = 0

    def pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        bodies: dict[int, bytes] = defaultdict(bytes)
        try:
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        heads[event.stream_id] = {_str(name): _str(value) for name, value in event.headers}
                    elif isinstance(event, h2.events.DataReceived):
                        bodies[event.stream_id] += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        head = heads.pop(event.stream_id)
                        body = bodies.pop(event.stream_id, b"")
                        answer = await self.answer(Request(head[":method"], head[":path"], head, body))
                        content = b"" if answer.body is None else json.dumps(answer.body).encode()
                        connection.send_headers(
                            event.stream_id,
                            [(":status", str(answer.status)), *answer.headers.items()],
                            end_stream=not content,
                        )
                        if content:
                            connection.send_data(event.stream_id, content, end_stream=True)
                writer.write(connection.data_to_send())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def answer(self, request: Request) -> Answer:
        token = request.path.removeprefix("/3/device/")
        proof = request.headers.get("authorization", "").removeprefix("bearer ")
        claims = jwt.decode(proof, self.key.public_key(), algorithms=["ES256"])
        if claims["iss"] != "TEAM" or jwt.get_unverified_header(proof)["kid"] != "KEY":
            return Answer(403, {"reason": "InvalidProviderToken"})
        if proof in self.expired:
            return Answer(403, {"reason": "ExpiredProviderToken"})
        if request.headers.get("apns-topic") != "org.example.chat":
            return Answer(400, {"reason": "BadTopic"})
        if len(request.headers.get("apns-collapse-id", "")) > 64:
            return Answer(400, {"reason": "BadCollapseId"})
        scripted = self.scripted(token)
        if scripted is not None and scripted.status >= 300:
            return scripted
        await self.accept(Taken(token, request.headers, json.loads(request.body)))
        return Answer(200, None, {"apns-id": "1"})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _str(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
