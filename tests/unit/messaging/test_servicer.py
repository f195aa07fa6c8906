"""The gRPC door, over a real connection: who may, what goes wrong, many posts to a stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from apps.accounts import actions as accounts
from apps.core import errors
from apps.files import actions as files
from apps.files.models import File
from apps.messaging import actions, queries, servicer, wire
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb
from apps.workspaces.actions.bots import create_bot
from tests.unit.accounts.fixtures import CLIENT
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)

METHODS: dict[str, Any] = {
    "Post": pb.PostResponse,
    "Edit": pb.EditResponse,
    "Delete": pb.DeleteResponse,
    "React": pb.ReactResponse,
}


@dataclass
class Door:
    server: servicer.MessageServer
    port: int
    channel: Any
    token: str = ""
    language: str = ""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        known = {"authorization": self.token and f"Bearer {self.token}", "accept-language": self.language}
        return tuple((key, value) for key, value in known.items() if value)

    async def call(self, method: str, request: Any, *, timeout: float | None = 10) -> Any:
        stub = self.channel.unary_unary(
            f"/{wire.MESSAGE_SERVICE}/{method}",
            request_serializer=lambda one: one if isinstance(one, bytes) else one.SerializeToString(),
            response_deserializer=METHODS[method].FromString,
        )
        return await stub(request, timeout=timeout, metadata=self.metadata())

    def many(self) -> Any:
        return self.channel.stream_stream(
            f"/{wire.MESSAGE_SERVICE}/PostMany", response_deserializer=pb.PostResponse.FromString
        )(metadata=self.metadata())

    async def refused(self, method: str, request: Any, **options: Any) -> tuple[Any, pb.Problem]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, request, **options)
        return caught.value.code(), problem_of(caught.value)


def problem_of(error: Any) -> pb.Problem:
    return pb.Problem.FromString(dict(error.trailing_metadata())[wire.PROBLEM])


@pytest.fixture
async def door(scene: Scene, sequencing: Any) -> AsyncIterator[Door]:
    server = servicer.MessageServer(tokens=servicer.Tokens(lease_s=0.2))
    port = server.bind("127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Door(server, port, channel, await asyncio.to_thread(token_of, scene, "member"))
    await server.stop(0)


def token_of(scene: Scene, role: str) -> str:
    return accounts.open_api_session(user=scene.team.users[role], client=CLIENT).access


async def texts(scene: Scene) -> list[str]:
    page = await queries.history(actor=scene.owner, channel_id=scene.public)
    return [message.text for message in page.results][::-1]


async def test_a_message_s_life(door: Door, scene: Scene) -> None:
    posted = await door.call("Post", pb.PostRequest(channel_id=scene.public, sender_id=scene.member.user_id, text="hi"))
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert (view.text, view.sender_id) == ("hi", str(scene.member.user_id))
    await door.call("Edit", pb.EditRequest(message_id=posted.message_id, text="ho"))
    await door.call("React", pb.ReactRequest(message_id=posted.message_id, emoji="tada", on=True))
    await seen(scene, posted.message_id, lambda view: (view.text, len(view.reactions)) == ("ho", 1))
    await door.call("React", pb.ReactRequest(message_id=posted.message_id, emoji="tada", on=False))
    await door.call("Delete", pb.DeleteRequest(message_id=posted.message_id))
    await seen(scene, posted.message_id, lambda view: view.deleted and not view.reactions)


async def seen(scene: Scene, message_id: int, what: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(5):
        while not what(await queries.message(actor=scene.owner, message_id=message_id)):
            await asyncio.sleep(0.01)


async def test_a_reply_and_a_repeat(door: Door, scene: Scene) -> None:
    parent = await door.call("Post", pb.PostRequest(channel_id=scene.public, text="parent"))
    reply = pb.PostRequest(
        channel_id=scene.public, text="reply", client_msg_id="r", thread_id=parent.message_id, also_in_channel=True
    )
    first = await door.call("Post", reply)
    reply.retry = True
    assert (await door.call("Post", reply)).message_id == first.message_id
    assert await texts(scene) == ["parent", "reply"]


async def test_a_post_with_files(door: Door, scene: Scene) -> None:
    """A file that is another's, incomplete or used is refused, and everything is as it was."""

    def upload(role: str, data: bytes = b"note", size: int = 4) -> int:
        actor = scene.team.actor(role)
        made = files.begin_upload(actor=actor, workspace_id=scene.team.id, name="note.txt", size=size)
        files.append_bytes(actor=actor, file_id=made.pk, offset=0, data=data)
        return made.pk

    def places() -> dict[int, int | None]:
        return dict(File.objects.values_list("id", "channel_id"))

    mine, spare, used = [await asyncio.to_thread(upload, "member") for _ in range(3)]
    foreign = await asyncio.to_thread(upload, "admin")
    unfinished = await asyncio.to_thread(
        lambda: files.begin_upload(actor=scene.member, workspace_id=scene.team.id, name="half.txt", size=9).pk
    )
    await door.call("Post", pb.PostRequest(channel_id=scene.private, file_ids=[used]))
    before = await asyncio.to_thread(places)
    for bad in ([foreign], [unfinished], [used], [1], [spare, foreign], [spare, spare], range(11)):
        status, problem = await door.refused("Post", pb.PostRequest(channel_id=scene.public, text="x", file_ids=bad))
        assert (status, [error.field for error in problem.errors]) == (grpc.StatusCode.INVALID_ARGUMENT, ["file_ids"])
    assert await asyncio.to_thread(places) == before
    assert await texts(scene) == []
    posted = await door.call("Post", pb.PostRequest(channel_id=scene.public, file_ids=[spare, mine]))
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert [file.id for file in view.files] == [str(spare), str(mine)]


@pytest.mark.parametrize("token", ["", "x", "scb_nothing", "a.b.c", "x" * 5000])
async def test_without_a_proof(door: Door, scene: Scene, token: str) -> None:
    door.token = token
    code, problem = await door.refused("Post", pb.PostRequest(channel_id=scene.public, text="x"))
    assert (code, problem.code) == (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated")
    stream = door.many()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert await texts(scene) == []


async def test_a_revoked_token_ends_with_the_lease_also_within_a_stream(door: Door, scene: Scene) -> None:
    stream = door.many()
    await stream.write(pb.PostRequest(channel_id=scene.public, text="before", tag=1).SerializeToString())
    assert not (await stream.read()).HasField("problem")
    await door.call("Post", pb.PostRequest(channel_id=scene.public, text="before too"))
    await asyncio.to_thread(lambda: accounts.revoke_all_sessions(user_id=scene.member.user_id))
    await asyncio.sleep(0.25)
    code, _ = await door.refused("Post", pb.PostRequest(channel_id=scene.public, text="after"))
    assert code == grpc.StatusCode.UNAUTHENTICATED
    await stream.write(pb.PostRequest(channel_id=scene.public, text="after", tag=2).SerializeToString())
    answer = await stream.read()
    assert (answer.tag, answer.problem.code) == (2, "unauthenticated")
    assert await texts(scene) == ["before", "before too"]


async def test_an_error_is_said_in_the_language_of_the_call(door: Door, scene: Scene) -> None:
    door.token, english = "unknown", "This token is not valid."
    for language, wanted in (
        ("de-AT, en;q=0.5", "Dieses Token ist nicht gültig."),
        ("", english),
        ("tlh, ;;, en", english),
    ):
        door.language = language
        _, problem = await door.refused("Post", pb.PostRequest(channel_id=scene.public, text="x"))
        assert (language, problem.detail) == (language, wanted)


async def test_a_bot_does_what_its_scopes_allow(door: Door, scene: Scene) -> None:
    def make() -> str:
        return create_bot(actor=scene.owner, workspace_id=scene.team.id, name="Bot", scopes=["messages:read"])[2]

    door.token = await asyncio.to_thread(make)
    code, problem = await door.refused("Post", pb.PostRequest(channel_id=scene.public, text="x"))
    assert (code, dict(problem.extra)) == (grpc.StatusCode.PERMISSION_DENIED, {"scope": "messages:write"})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.PostRequest(text="x"), "channel_id"),
        (pb.PostRequest(channel_id=-1, text="x"), "channel_id"),
        (pb.PostRequest(channel_id=1), "text"),
        (pb.PostRequest(channel_id=1, text="x" * 12_001), "text"),
        (pb.PostRequest(channel_id=1, text="x", type="image"), "type"),
        (pb.PostRequest(channel_id=1, text="x", client_msg_id=""), "client_msg_id"),
        (pb.PostRequest(channel_id=1, text="x", thread_id=0), "thread_id"),
        (b"\xff\xff", None),
        (b"\x1a\x02\xc3\x28", None),  # a text that is no UTF-8
    ],
)
async def test_bad_input(door: Door, request_: Any, field: str | None) -> None:
    code, problem = await door.refused("Post", request_)
    assert (code, problem.code) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid")
    assert [found.field for found in problem.errors] == ([field] if field else [])


async def test_in_someone_else_s_name_and_where_one_may_not(door: Door, scene: Scene) -> None:
    other = pb.PostRequest(channel_id=scene.public, sender_id=scene.owner.user_id, text="x")
    assert (await door.refused("Post", other))[0] == grpc.StatusCode.PERMISSION_DENIED
    door.token = await asyncio.to_thread(token_of, scene, "guest")
    private = pb.PostRequest(channel_id=scene.private, text="x")
    assert (await door.refused("Post", private))[0] == grpc.StatusCode.NOT_FOUND
    assert await texts(scene) == []


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (errors.InvalidError(errors={"text": ["No."]}), grpc.StatusCode.INVALID_ARGUMENT, None),
        (errors.UnauthenticatedError(), grpc.StatusCode.UNAUTHENTICATED, None),
        (errors.ForbiddenError("Nö"), grpc.StatusCode.PERMISSION_DENIED, None),
        (errors.NotFoundError(), grpc.StatusCode.NOT_FOUND, None),
        (errors.ConflictError(), grpc.StatusCode.FAILED_PRECONDITION, None),
        (errors.TooLargeError(), grpc.StatusCode.INVALID_ARGUMENT, None),
        (errors.RateLimitedError(retry_after=0.02), grpc.StatusCode.RESOURCE_EXHAUSTED, "1"),
        (errors.UnavailableError(retry_after=2.5), grpc.StatusCode.UNAVAILABLE, "3"),
        (ZeroDivisionError("a secret"), grpc.StatusCode.INTERNAL, None),
    ],
)
async def test_what_an_error_becomes(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Any, retry_after: str | None
) -> None:
    async def failing(**_: Any) -> None:
        raise error

    monkeypatch.setattr(actions, "post_message", failing)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.call("Post", pb.PostRequest(channel_id=1, text="x"))
    trailing = dict(caught.value.trailing_metadata())
    assert caught.value.code() == code
    assert trailing.get("retry-after") == retry_after
    again = wire.error_of(problem_of(caught.value))
    if isinstance(error, errors.AppError):
        assert (type(again), again.problem()) == (type(error), error.problem())
        assert caught.value.details() == error.detail
    else:
        assert (again.code, trailing["code"]) == ("internal", "internal")
        assert "secret" not in repr(caught.value)


def test_every_code_has_a_status() -> None:
    codes = {kind.code for kind in errors.AppError.__subclasses__() if kind.__module__ == errors.__name__}
    assert codes == set(servicer.STATUS)


@pytest.mark.parametrize("named", [0.2, None])
async def test_a_deadline_ends_the_work(door: Door, monkeypatch: pytest.MonkeyPatch, named: float | None) -> None:
    ended = asyncio.Event()

    async def slow(**_: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    monkeypatch.setattr(actions, "post_message", slow)
    monkeypatch.setattr(servicer, "DEADLINE_S", 0.3)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.call("Post", pb.PostRequest(channel_id=1, text="x"), timeout=named)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(ended.wait(), 2)


async def test_one_bad_post_does_not_end_the_stream(door: Door, scene: Scene) -> None:
    stream = door.many()
    for tag, text in enumerate(["one", "", "three"], 1):
        await stream.write(pb.PostRequest(channel_id=scene.public, text=text, tag=tag).SerializeToString())
    await stream.write(b"\xff\xff")
    await stream.write(pb.PostRequest(channel_id=5, text="nowhere", tag=4).SerializeToString())
    await stream.done_writing()
    answers = [answer async for answer in stream]
    assert {answer.tag: answer.problem.code for answer in answers} == {
        1: "",
        2: "invalid",
        3: "",
        4: "not_found",
        0: "invalid",
    }
    assert await stream.code() == grpc.StatusCode.OK
    await seen(scene, next(a.message_id for a in answers if a.tag == 3), lambda view: view.text == "three")
    assert await texts(scene) == ["one", "three"]


async def test_a_stream_s_posts_keep_their_order(door: Door, scene: Scene, settings: Any) -> None:
    settings.MESSAGE_RATE_PER_S = 10_000
    stream = door.many()
    for tag in range(1, 151):
        await stream.write(pb.PostRequest(channel_id=scene.public, text=f"m{tag}", tag=tag).SerializeToString())
    await stream.done_writing()
    answers = [answer async for answer in stream]
    assert [answer.tag for answer in answers] == list(range(1, 151))
    await seen(scene, answers[-1].message_id, lambda view: view.text == "m150")
    page = await queries.history(actor=scene.owner, channel_id=scene.public, limit=200)
    assert [message.text for message in page.results][::-1] == [f"m{tag}" for tag in range(1, 151)]


async def test_a_stream_holds_its_sender(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    go = asyncio.Event()

    async def slow(**_: Any) -> actions.Posted:
        nonlocal begun
        begun += 1
        await go.wait()
        return actions.Posted(1, 1)

    monkeypatch.setattr(actions, "post_message", slow)
    stream = door.many()
    count = servicer.POSTS_UNDER_WAY * 3
    for tag in range(1, count + 1):  # a channel each, so that none waits for another
        await stream.write(pb.PostRequest(channel_id=tag, text="x", tag=tag).SerializeToString())
    await stream.done_writing()
    async with asyncio.timeout(5):
        while begun < servicer.POSTS_UNDER_WAY:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert begun == servicer.POSTS_UNDER_WAY
    go.set()
    assert len([answer async for answer in stream]) == count


async def test_ending_answers_what_was_begun(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(**_: Any) -> actions.Posted:
        begun.set()
        await go.wait()
        return actions.Posted(7, 8)

    monkeypatch.setattr(actions, "post_message", slow)
    stream = door.many()
    await stream.write(pb.PostRequest(channel_id=1, text="x", tag=3).SerializeToString())
    unary = asyncio.create_task(door.call("Post", pb.PostRequest(channel_id=2, text="x")))
    await begun.wait()
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(door.server.stop(5))
    await asyncio.sleep(0.1)
    assert not stopping.done()
    go.set()
    assert (await stream.read()).message_id == 7
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert problem_of(caught.value).retry_after == 1
    assert (await unary).message_id == 7
    await asyncio.wait_for(stopping, 2)


async def test_health(door: Door) -> None:
    stub = health_pb2_grpc.HealthStub(door.channel)
    for name in ("", wire.MESSAGE_SERVICE):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.Check(health_pb2.HealthCheckRequest(service="nothing"))


async def test_reflection_describes_the_service(door: Door) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(door.channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = {service.name for service in (await call.read()).list_services_response.service}
    assert wire.MESSAGE_SERVICE in names
    assert wire.GATEWAY_SERVICE not in names
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=wire.MESSAGE_SERVICE))
    (found,) = (await call.read()).file_descriptor_response.file_descriptor_proto[:1]
    assert b"PostMany" in found
    await call.done_writing()


async def test_a_port_in_use_is_said(door: Door) -> None:
    with pytest.raises(OSError, match=str(door.port)):
        servicer.MessageServer().bind("127.0.0.1", door.port)


# -- the stream of a gateway


class Gateway:
    def __init__(self, door: Door) -> None:
        self.call = door.channel.stream_stream(wire.ACT, response_deserializer=pb.AnswerBatch.FromString)()
        self.key = b""

    async def open(self) -> None:
        self.key = wire.stream_key(dict(await self.call.initial_metadata())[wire.CHALLENGE])
        await self.call.write(self.signed(1))
        assert (await self.call.read()).read == 1

    def signed(self, number: int, *commands: pb.Command, key: bytes | None = None) -> bytes:
        body = pb.CommandBatch(number=number, commands=commands).SerializeToString()
        return pb.SignedBatch(body=body, mac=wire.sign(key or self.key, body)).SerializeToString()

    async def end(self) -> Any:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call.read()
        return caught.value.code()


def post_of(scene: Scene, tag: int) -> pb.Command:
    post = pb.PostRequest(channel_id=scene.public, text=f"tag {tag}")
    return pb.Command(tag=tag, actor=wire.actor_of(scene.member), post=post)


async def test_a_gateway_acts_for_people(door: Door, scene: Scene) -> None:
    gateway = Gateway(door)
    await gateway.open()
    await gateway.call.write(gateway.signed(2, post_of(scene, 5), pb.Command(tag=6, actor=wire.actor_of(scene.member))))
    answers: dict[int, pb.Answer] = {}
    while len(answers) < 2:
        answers |= {answer.tag: answer for answer in (await gateway.call.read()).answers}
    assert answers[5].message_id
    assert answers[6].problem.code == "invalid"


@pytest.mark.parametrize("how", ["another secret", "altered", "repeated", "of another stream", "first"])
async def test_nobody_else_acts_for_people(door: Door, scene: Scene, settings: Any, how: str) -> None:
    gateway, other = Gateway(door), Gateway(door)
    await other.open()
    if how != "first":
        await gateway.open()
    signed = gateway.signed(2, post_of(scene, 1), key=gateway.key or b"guessed")
    match how:
        case "another secret":
            key, settings.SECRET_KEY = settings.SECRET_KEY, "x" * 50
            challenge = dict(await gateway.call.initial_metadata())[wire.CHALLENGE]
            signed = gateway.signed(2, post_of(scene, 1), key=wire.stream_key(challenge))
            settings.SECRET_KEY = key
        case "altered":
            signed = signed.replace(b"tag 1", b"tag 7")
        case "repeated":
            signed = gateway.signed(1, post_of(scene, 1))
        case "of another stream":
            signed = other.signed(2, post_of(scene, 1))
    await gateway.call.write(signed)
    assert await gateway.end() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT)
    assert await texts(scene) == []


async def test_a_gateway_that_proves_nothing_is_cut(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servicer, "_FIRST_BATCH_S", 0.1)
    assert await Gateway(door).end() == grpc.StatusCode.UNAUTHENTICATED
