"""What goes through one door only: settings of one's own through REST, typing through the socket."""

from bench.client import ProblemError, SocketClient
from tests.doors.test_capabilities import Stage, _outcome, stage

__all__ = ["stage"]


async def test_settings_are_checked_first_and_are_nobody_elses(stage: Stage) -> None:
    workspace_id = stage.channels["public"]["workspace_id"]
    ann, public, private = stage.cast["ann"], stage.channels["public"], stage.channels["private"]
    table = [
        ("bob", f"/v1/workspaces/{workspace_id}/notifications", {"level": "all"}, "ok"),
        ("eve", f"/v1/workspaces/{workspace_id}/notifications", {"level": "all"}, "not_found"),
        ("bob", f"/v1/workspaces/{workspace_id}/notifications", {"level": "loud"}, "invalid"),
        ("bob", f"/v1/workspaces/{workspace_id}/notifications", {"keywords": ["x" * 41]}, "invalid"),
        ("bob", f"/v1/channels/{private['id']}/notifications", {"muted": True}, "ok"),
        ("bob", f"/v1/channels/{private['id']}/notifications", {"muted": True, "muted_until": 1}, "invalid"),
        ("cy", f"/v1/channels/{private['id']}/notifications", {"muted": True}, "not_found"),
        ("eve", f"/v1/channels/{public['id']}/notifications", {"muted": True}, "not_found"),
    ]
    others = await ann.rest.get(f"/v1/workspaces/{workspace_id}/notifications")
    for who, path, change, expected in table:
        rest = stage.cast[who].rest
        before = await _or_code(rest.get(path))
        assert (who, path, change, await _outcome(rest.patch(path, change))) == (who, path, change, expected)
        after = await _or_code(rest.get(path))
        assert (after == before) is (expected != "ok")
    assert await ann.rest.get(f"/v1/workspaces/{workspace_id}/notifications") == others
    rest = stage.cast["bob"].rest
    for path, change in (
        ("/v1/me/status", {"text": "x" * 500}),
        ("/v1/me/dnd", {"until": 1}),
        ("/v1/me/presence", {"away": 7}),
    ):
        before = await rest.get(path)
        assert (path, await _outcome(rest.call("PUT", path, change))) == (path, "invalid")
        assert await rest.get(path) == before


async def test_typing_is_heard_by_those_who_follow_and_said_by_members(stage: Stage) -> None:
    ann, channel = stage.cast["ann"], stage.channels["public"]
    hears = await ann.socket(channel["stream"])
    for who, expected in (("cy", "forbidden"), ("eve", "not_found")):
        socket = await stage.cast[who].socket()
        await socket.tell({"t": "typing", "channel_id": channel["id"]})
        await _refused(socket)
        assert [error["code"] for error in socket.errors] == [expected]
    socket = await stage.cast["bob"].socket()
    await socket.tell({"t": "typing", "channel_id": channel["id"]})

    def typing() -> list[str]:
        signals = [frame for frame in hears.frames if frame.get("type") == "typing"]
        return [each["user_id"] for frame in signals for each in frame["data"]["typing"]]

    await hears.until(typing, what="typing")
    assert set(typing()) == {stage.cast["bob"].id}


async def _refused(socket: SocketClient) -> None:
    await socket.until(lambda: socket.errors, what="a refusal")


async def _or_code(attempt):
    try:
        return await attempt
    except ProblemError as error:
        return error.code
