import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from django.core.management import call_command

from apps.gateway import frames

SCHEMA = Path(__file__).parents[3] / "docs" / "protocol.schema.json"


def test_the_schema_in_docs_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(frames.schema())), "run: manage.py protocol_schema"


def test_the_command_writes_the_schema(tmp_path: Path) -> None:
    call_command("protocol_schema", output=str(tmp_path / "s.json"))
    assert (tmp_path / "s.json").read_text() == SCHEMA.read_text()


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "auth", "token": "x"},
        {"t": "resume", "session": "s", "token": "t", "streams": {"c:1": 17}},
        {"t": "subscribe", "id": 1, "streams": {"c:1": 17, "w:2": None}},
        {"t": "unsubscribe", "id": 2, "streams": ["c:1"]},
        {"t": "send", "id": 3, "channel_id": "1", "text": "…", "client_msg_id": "a", "thread_id": "5", "retry": True},
        {"t": "edit", "id": 4, "message_id": "9", "text": "x"},
        {"t": "delete", "id": "five", "message_id": "9"},
        {"t": "react", "id": 6, "message_id": "9", "emoji": "👍", "on": True},
        {"t": "watch", "id": 9, "users": ["12", "13"]},
        {"t": "active", "on": False},
        {"t": "typing", "channel_id": "1", "thread_id": "5", "on": False},
        {"t": "ack", "streams": {"c:1": 18}},
        {"t": "pull", "id": 8, "stream": "c:1", "after": 18},
        {"t": "ping", "id": 7},
        {"t": "ping", "from": "a newer client"},
    ],
)
def test_what_the_protocol_shows_is_read_and_fits_the_schema(frame: dict[str, object]) -> None:
    decoded = frames.decode(json.dumps(frame).encode())
    assert msgspec.to_builtins(decoded).items() >= {k: v for k, v in frame.items() if k != "from"}.items()
    schema = frames.schema()
    jsonschema.validate(frame, {"$ref": "#/$defs/ClientFrame", "$defs": schema["$defs"]})


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (frames.Gone(stream="c:1"), {"t": "gone", "stream": "c:1"}),
        (
            frames.Mode(stream="c:1", mode="pull", seq=20, count=19),
            {"t": "mode", "stream": "c:1", "mode": "pull", "seq": 20, "count": 19},
        ),
        (
            frames.Pulled(id=8, stream="c:1", seq=20, head=30, count=29, mode="pull"),
            {"t": "pulled", "id": 8, "stream": "c:1", "seq": 20, "head": 30, "count": 29, "mode": "pull"},
        ),
        (frames.Pong(id=None), {"t": "pong", "id": None}),
        (
            frames.Error(id=None, code="invalid", detail="x"),
            {"t": "error", "id": None, "code": "invalid", "detail": "x"},
        ),
        (
            frames.Sent(id=1, client_msg_id=None, message_id="2", timestamp=3),
            {"t": "ack", "id": 1, "client_msg_id": None, "message_id": "2", "timestamp": 3},
        ),
        (
            frames.Subscribed(id=1, streams={"c:1": frames.Place(seq=20, count=19)}, denied=["c:9"]),
            {
                "t": "subscribed",
                "id": 1,
                "streams": {"c:1": {"seq": 20, "count": 19, "mode": "push"}},
                "denied": ["c:9"],
            },
        ),
    ],
)
def test_what_a_client_gets(frame: frames.Frame, wire: dict[str, object]) -> None:
    assert json.loads(frames.encode(frame)) == wire
    jsonschema.validate(wire, {"$ref": "#/$defs/ServerFrame", "$defs": frames.schema()["$defs"]})
