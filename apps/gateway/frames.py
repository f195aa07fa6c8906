"""The frames of the socket, as in docs/protocol.md; docs/protocol.schema.json is generated from here.

A client's frames carry ids as strings. Unknown fields are passed over, so that a newer client can talk to an older
gateway.
"""

from typing import Annotated, Any, Literal

import msgspec

from apps.core.ids import MAX_ID

Id = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,18}$")]
FileIds = Annotated[list[Id], msgspec.Meta(max_length=10)]
StreamName = Annotated[str, msgspec.Meta(max_length=22)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
Tag = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] | Annotated[str, msgspec.Meta(max_length=64)] | None
Token = Annotated[str, msgspec.Meta(max_length=4096)]
Streams = Annotated[dict[StreamName, Seq], msgspec.Meta(max_length=2000)]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class Frame(msgspec.Struct, tag_field="t", frozen=True, kw_only=True):
    pass


# -- client to server


class Auth(Frame, frozen=True, kw_only=True, tag="auth"):
    token: Token


class Resume(Frame, frozen=True, kw_only=True, tag="resume"):
    session: Name
    token: Token
    streams: Streams


class Subscribe(Frame, frozen=True, kw_only=True, tag="subscribe"):
    """null: from now on; a number: and everything after that seq."""

    id: Tag = None
    streams: Annotated[dict[StreamName, Seq | None], msgspec.Meta(max_length=2000)]


class Unsubscribe(Frame, frozen=True, kw_only=True, tag="unsubscribe"):
    id: Tag = None
    streams: Annotated[list[StreamName], msgspec.Meta(max_length=2000)]


class Send(Frame, frozen=True, kw_only=True, tag="send"):
    id: Tag = None
    channel_id: Id
    text: str
    client_msg_id: Name | None = None
    type: Name = "text"
    thread_id: Id | None = None
    also_in_channel: bool = False
    file_ids: FileIds = []
    retry: bool = False


class Edit(Frame, frozen=True, kw_only=True, tag="edit"):
    id: Tag = None
    message_id: Id
    text: str


class Delete(Frame, frozen=True, kw_only=True, tag="delete"):
    id: Tag = None
    message_id: Id


class React(Frame, frozen=True, kw_only=True, tag="react"):
    id: Tag = None
    message_id: Id
    emoji: Name
    on: bool


class Mark(Frame, frozen=True, kw_only=True, tag="mark"):
    """Read up to `n`, of the channel's messages or of the thread's replies. Answered only when it has an `id`."""

    id: Tag = None
    channel_id: Id
    thread_id: Id | None = None
    n: Seq
    version: Seq = 0


class Watch(Frame, frozen=True, kw_only=True, tag="watch"):
    """Whose presence the client wants to hear of, instead of whom it named before."""

    id: Tag = None
    users: Annotated[list[Id], msgspec.Meta(max_length=500)]


class Active(Frame, frozen=True, kw_only=True, tag="active"):
    """Whether somebody is at this device: no answer."""

    on: bool


class Typing(Frame, frozen=True, kw_only=True, tag="typing"):
    """No answer but an error."""

    channel_id: Id
    thread_id: Id | None = None
    on: bool = True


class Ack(Frame, frozen=True, kw_only=True, tag="ack"):
    streams: Streams


class Pull(Frame, frozen=True, kw_only=True, tag="pull"):
    id: Tag = None
    stream: StreamName
    after: Seq


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    id: Tag = None


ClientFrame = (
    Auth
    | Resume
    | Subscribe
    | Unsubscribe
    | Send
    | Edit
    | Delete
    | React
    | Mark
    | Watch
    | Active
    | Typing
    | Ack
    | Pull
    | Ping
)


# -- server to client


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    session: str
    token: str
    user_id: str
    heartbeat_ms: int
    gateway: str
    resumed: bool


Way = Literal["push", "pull"]


class Place(msgspec.Struct, frozen=True):
    """Where a stream stood when it was joined; events after `seq` follow."""

    seq: int
    count: int
    mode: Way = "push"


class Subscribed(Frame, frozen=True, kw_only=True, tag="subscribed"):
    id: Tag
    streams: dict[str, Place]
    denied: list[str]


class Resync(Frame, frozen=True, kw_only=True, tag="resync"):
    stream: str
    seq: int


class Mode(Frame, frozen=True, kw_only=True, tag="mode"):
    """From here on events of the stream are pushed, or are there to be pulled; those up to `seq` were, or are."""

    stream: str
    mode: Way
    seq: int
    count: int


class Pulled(Frame, frozen=True, kw_only=True, tag="pulled"):
    """The events up to `seq` came before this; `head` and `count` say where the stream stands."""

    id: Tag
    stream: str
    seq: int
    head: int
    count: int
    mode: Way


class Sent(Frame, frozen=True, kw_only=True, tag="ack"):
    """Durable in the log."""

    id: Tag
    client_msg_id: str | None
    message_id: str
    timestamp: int


class Ok(Frame, frozen=True, kw_only=True, tag="ok"):
    id: Tag


class Event(Frame, frozen=True, kw_only=True, tag="event"):
    """Written by apps.messaging.queries.present_event, not through this type."""

    stream: str
    seq: int
    count: int
    type: str
    actor_id: str | None
    timestamp: int
    data: dict[str, Any]


class Signal(Frame, frozen=True, kw_only=True, tag="signal"):
    """Something that is worth nothing a moment later. May be lost, has no place in the stream."""

    stream: str
    type: str
    data: Any


class Status(msgspec.Struct, frozen=True):
    emoji: str
    text: str
    expires_at: int | None


class PresenceOf(msgspec.Struct, frozen=True, omit_defaults=True):
    state: Literal["online", "away", "offline"]
    dnd: bool = False
    status: Status | None = None


class Watching(Frame, frozen=True, kw_only=True, tag="watching"):
    """Of those who were not watched before; who is offline with nothing else to say is left out.

    Written by apps.gateway.presence, not through this type.
    """

    id: Tag
    users: dict[str, PresenceOf]


class Gone(Frame, frozen=True, kw_only=True, tag="gone"):
    stream: str


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    id: Tag


class Error(Frame, frozen=True, kw_only=True, tag="error", omit_defaults=True):
    id: Tag
    code: str
    detail: str
    retry_after: float | None = None
    errors: dict[str, list[str]] | None = None


class Reconnect(Frame, frozen=True, kw_only=True, tag="reconnect"):
    after_ms: int


ServerFrame = (
    Hello
    | Subscribed
    | Resync
    | Mode
    | Pulled
    | Sent
    | Ok
    | Event
    | Signal
    | Watching
    | Gone
    | Pong
    | Error
    | Reconnect
)  # what a client may get

_decoder = msgspec.json.Decoder(ClientFrame)
_encoder = msgspec.json.Encoder()


class _Tagged(msgspec.Struct):
    id: Tag = None


_tag_decoder = msgspec.json.Decoder(_Tagged)
decode = _decoder.decode
encode = _encoder.encode


def tag_of(payload: bytes) -> int | str | None:
    """The `id` of a frame that is not well-formed otherwise, where there is one."""
    try:
        return _tag_decoder.decode(payload).id
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def schema() -> dict[str, Any]:
    """JSON Schema of both directions."""
    (client_schema, server_schema), definitions = msgspec.json.schema_components(
        (ClientFrame, ServerFrame), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "slackclone socket frames",
        "$defs": {**definitions, "ClientFrame": client_schema, "ServerFrame": server_schema},
        "oneOf": [{"$ref": "#/$defs/ClientFrame"}, {"$ref": "#/$defs/ServerFrame"}],
    }
