"""The client of the Message Service when servers end, stall, drain or are not there."""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.accounts.principal import Principal
from apps.core.errors import UnavailableError
from apps.messaging import actions, wire
from apps.messaging.backends import service_grpc
from apps.messaging.backends.service_grpc import GrpcMessageService
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb
from apps.messaging.servicer import MessageServer
from bench.product import free_port

ANN = Principal(user_id=7, session_id=8, scopes=frozenset({"messages:write"}), expires_at_ms=9)


class Fake:
    """A server that speaks the gateways' protocol and answers commands as a test says; by default it keeps silent."""

    def __init__(self) -> None:
        self.batches: list[pb.CommandBatch] = []
        self.came = asyncio.Event()
        self.answer: Callable[[Any, pb.CommandBatch], Awaitable[None]] | None = None
        self.server: Any = None

    @property
    def commands(self) -> list[pb.Command]:
        return [command for batch in self.batches for command in batch.commands]

    async def act(self, _requests: Any, context: Any) -> None:
        await context.send_initial_metadata(((wire.CHALLENGE, b"c" * 32),))
        key = wire.stream_key(b"c" * 32)
        while (signed := await context.read()) is not grpc.aio.EOF:
            batch = wire.opened(key, signed)
            if not batch.commands:
                await context.write(pb.AnswerBatch(read=batch.number).SerializeToString())
                continue
            self.batches.append(batch)
            self.came.set()
            if self.answer is not None:
                await self.answer(context, batch)

    async def start(self, port: int = 0) -> str:
        self.server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        handler = grpc.stream_stream_rpc_method_handler(self.act)
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(wire.GATEWAY_SERVICE, {"Act": handler}),)
        )
        port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        await self.server.start()
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        await self.server.stop(0)


async def obey(context: Any, batch: pb.CommandBatch) -> None:
    answers = [pb.Answer(tag=command.tag, message_id=command.tag + 100) for command in batch.commands]
    await context.write(pb.AnswerBatch(answers=answers, read=batch.number).SerializeToString())


async def drain(context: Any, batch: pb.CommandBatch) -> None:
    """As a server that was told to end before it read this batch."""
    await context.write(pb.AnswerBatch(read=batch.number - 1, draining=True).SerializeToString())


@pytest.fixture
async def fakes() -> AsyncIterator[list[Fake]]:
    made = [Fake(), Fake()]
    yield made
    for fake in made:
        await fake.stop()


@pytest.fixture
async def service(fakes: list[Fake]) -> AsyncIterator[GrpcMessageService]:
    made = GrpcMessageService("grpc://" + ",".join([await fake.start() for fake in fakes]))
    yield made
    await made.close()


def post(service: GrpcMessageService, number: int = 1, **more: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(
        service.post(actor=ANN, channel_id=5, text=f"m{number}", **{"client_msg_id": f"c{number}"} | more)
    )


async def first(fakes: list[Fake]) -> tuple[Fake, Fake]:
    """The one to which something came, and the other."""
    waiting = [asyncio.create_task(fake.came.wait()) for fake in fakes]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    for task in waiting:
        task.cancel()
    return (fakes[0], fakes[1]) if fakes[0].came.is_set() else (fakes[1], fakes[0])


async def test_who_acts_travels(service: GrpcMessageService, fakes: list[Fake]) -> None:
    for fake in fakes:
        fake.answer = obey
    assert (await post(service)).message_id > 100
    (command,) = [command for fake in fakes for command in fake.commands]
    assert wire.principal_of(command.actor) == ANN
    assert wire.principal_of(wire.actor_of(Principal(user_id=1))) == Principal(user_id=1)
    assert wire.principal_of(wire.actor_of(Principal(1, scopes=frozenset()))).scopes == frozenset()
    assert 0 < command.timeout_ms <= service_grpc.DEADLINE_S * 1000


async def test_what_comes_in_a_moment_goes_in_few_batches_to_all_servers(
    service: GrpcMessageService, fakes: list[Fake]
) -> None:
    for fake in fakes:
        fake.answer = obey
    await asyncio.gather(*(post(service, number) for number in (1, 2)))
    async with asyncio.timeout(5):
        while not all(target.ready for target in service._targets):
            await asyncio.sleep(0.01)
    for fake in fakes:
        fake.batches.clear()
    await asyncio.gather(*(post(service, number) for number in range(400)))
    assert [len(fake.commands) for fake in fakes] == [200, 200]
    assert sum(len(fake.batches) for fake in fakes) <= 20


@pytest.mark.parametrize("how", ["killed", "stalled"])
async def test_what_may_happen_twice_goes_to_another_server(
    service: GrpcMessageService, fakes: list[Fake], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(service_grpc, "STALLED_S", 0.5)
    posting = post(service)
    dead, other = await first(fakes)
    other.answer = obey
    reacting = asyncio.create_task(service.react(actor=ANN, message_id=1, emoji="tada", on=True))
    if how == "killed":
        await dead.stop()
    assert (await posting).message_id > 100
    await reacting
    again = next(command for command in other.commands if command.HasField("post"))
    assert (again.post.client_msg_id, again.post.retry) == ("c1", True)
    assert not dead.commands[0].post.retry


@pytest.mark.parametrize("what", ["post without client_msg_id", "edit", "delete"])
async def test_what_may_not_happen_twice_ends(service: GrpcMessageService, fakes: list[Fake], what: str) -> None:
    match what:
        case "edit":
            doing: Any = asyncio.create_task(service.edit(actor=ANN, message_id=1, text="x"))
        case "delete":
            doing = asyncio.create_task(service.delete(actor=ANN, message_id=1))
        case _:
            doing = post(service, client_msg_id=None)
    dead, other = await first(fakes)
    other.answer = obey
    await dead.stop()
    with pytest.raises(UnavailableError) as caught:
        await doing
    assert caught.value.retry_after == 1
    assert other.commands == []


async def test_what_a_draining_server_did_not_begin_goes_elsewhere_as_it_was(
    service: GrpcMessageService, fakes: list[Fake]
) -> None:
    for fake in fakes:
        fake.answer = drain
    doing = asyncio.create_task(service.edit(actor=ANN, message_id=1, text="x"))
    draining, other = await first(fakes)
    other.answer = obey
    await doing
    posted = await post(service, client_msg_id=None)
    assert posted.message_id > 100
    assert len(draining.commands) == 1


async def test_a_server_that_is_alive_may_take_its_time(
    service: GrpcMessageService, fakes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_grpc, "STALLED_S", 0.5)

    async def slowly(context: Any, batch: pb.CommandBatch) -> None:
        for _ in range(7):
            await asyncio.sleep(0.2)
            await context.write(pb.AnswerBatch(read=batch.number).SerializeToString())
        await obey(context, batch)

    for fake in fakes:
        fake.answer = slowly
    assert (await post(service)).message_id > 100
    assert sum(len(fake.commands) for fake in fakes) == 1


async def test_an_answer_that_never_comes(
    service: GrpcMessageService, fakes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_grpc, "DEADLINE_S", 0.3)
    with pytest.raises(UnavailableError):
        await post(service)


async def test_nobody_is_there_and_then_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_grpc, "READY_S", 0.2)
    port = free_port()
    service = GrpcMessageService(f"grpc://127.0.0.1:{port}")
    with pytest.raises(UnavailableError) as caught:
        await post(service)
    assert caught.value.retry_after == 1
    fake = Fake()
    fake.answer = obey
    await fake.start(port)
    monkeypatch.setattr(service_grpc, "READY_S", 6.0)
    assert (await post(service)).message_id > 100
    await service.close()
    await fake.stop()


async def test_too_much_under_way(
    service: GrpcMessageService, fakes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_grpc, "UNDER_WAY_MAX", 3)
    held = [post(service, number) for number in range(3)]
    await first(fakes)
    more = [post(service, number) for number in range(3, 9)]
    done, _ = await asyncio.wait(more, timeout=2)
    assert done
    assert all(isinstance(task.exception(), UnavailableError) for task in done)
    for task in [*held, *more]:
        task.cancel()


@pytest.mark.parametrize("url", ["grpc://", "grpc://host", "grpc:///x"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="grpc://host:port"):
        GrpcMessageService(url)


# -- real servers


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    async def posted(**_: Any) -> actions.Posted:
        return actions.Posted(70, 80)

    monkeypatch.setattr(actions, "post_message", posted)


async def test_another_secret_gets_nothing(instant: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = MessageServer()
    port = server.bind("127.0.0.1", 0)
    await server.start()
    service = GrpcMessageService(f"grpc://127.0.0.1:{port}")
    monkeypatch.setattr(service_grpc, "READY_S", 0.5)
    signed = service_grpc._signed
    monkeypatch.setattr(service_grpc, "_signed", lambda _key, batch: signed(b"guessed", batch))
    with pytest.raises(UnavailableError):
        await post(service)
    await service.close()
    await server.stop(0)


async def test_a_server_ends_under_load_and_nobody_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(**_: Any) -> actions.Posted:
        await asyncio.sleep(0.05)
        return actions.Posted(70, 80)

    monkeypatch.setattr(actions, "post_message", slow)
    servers = [MessageServer(), MessageServer()]
    ports = [server.bind("127.0.0.1", 0) for server in servers]
    for server in servers:
        await server.start()
    service = GrpcMessageService("grpc://" + ",".join(f"127.0.0.1:{port}" for port in ports))
    await asyncio.gather(*(post(service, number) for number in range(50)))

    async def keep_posting() -> None:
        for number in range(20):
            await post(service, number, client_msg_id=None)

    load = [asyncio.create_task(keep_posting()) for _ in range(20)]
    await asyncio.sleep(0.3)
    await servers[0].stop(5)
    await asyncio.gather(*load)
    await service.close()
    await servers[1].stop(0)


# -- TLS


def _pem(directory: Path, name: str, issuer: "tuple[Any, Any] | None") -> "tuple[Any, Any]":
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(issuer[0] if issuer else key, hashes.SHA256())
    )
    (directory / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return key, made


async def test_only_certificates_of_the_authority_come_in(
    instant: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = _pem(tmp_path, "ca", None)
    _pem(tmp_path, "server", authority)
    _pem(tmp_path, "gateway", authority)
    _pem(tmp_path, "stranger", _pem(tmp_path, "other", None))
    monkeypatch.setattr(service_grpc, "READY_S", 1.0)

    def show(name: str) -> None:
        settings.GRPC_TLS_CERT, settings.GRPC_TLS_KEY = str(tmp_path / f"{name}.crt"), str(tmp_path / f"{name}.key")

    settings.GRPC_TLS_CA = str(tmp_path / "ca.crt")
    show("server")
    server = MessageServer()
    port = server.bind("127.0.0.1", 0)
    await server.start()
    for name, comes_in in (("gateway", True), ("stranger", False), (None, False)):
        if name is None:
            settings.GRPC_TLS_CERT = settings.GRPC_TLS_KEY = ""
        else:
            show(name)
        service = GrpcMessageService(f"grpc://127.0.0.1:{port}")
        if comes_in:
            assert (await post(service)).message_id == 70
        else:
            with pytest.raises(UnavailableError):
                await post(service)
        await service.close()
    await server.stop(0)
