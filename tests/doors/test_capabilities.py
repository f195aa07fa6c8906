"""One behaviour table per capability, through each door: who may, and what then holds."""

import base64
import io
from dataclasses import dataclass

import pytest
from PIL import Image

from bench.client import Json, Person, ProblemError
from tests.harness.doors import DOORS, Door
from tests.harness.fixtures import People

pytestmark = pytest.mark.parametrize("door", DOORS, ids=str)


@dataclass
class Stage:
    """Ann (owner) and Bob are in every channel, Cy is a member of the workspace only, Eve is a stranger."""

    cast: dict[str, Person]
    channels: dict[str, Json]
    message: Json


@pytest.fixture
async def stage(people: People) -> Stage:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    (eve,) = await people("Eve")
    public = await ann.channel(team.workspace, "agora", bob)
    private = await ann.channel(team.workspace, "chamber", bob, kind="private")
    dm = await ann.direct(team.workspace, bob)
    archived = await ann.channel(team.workspace, "attic", bob)
    await ann.rest.post(f"/v1/channels/{archived['id']}/archive")
    return Stage(
        {"ann": ann, "bob": bob, "cy": cy, "eve": eve},
        {"public": public, "private": private, "dm": dm, "archived": archived},
        await bob.post(public, "Bob's words"),
    )


WHO_MAY_POST = [
    ("ann", "public", "ok"),
    ("bob", "public", "ok"),
    ("cy", "public", "forbidden"),
    ("eve", "public", "not_found"),
    ("bob", "private", "ok"),
    ("cy", "private", "not_found"),
    ("eve", "private", "not_found"),
    ("ann", "dm", "ok"),
    ("cy", "dm", "not_found"),
    ("eve", "dm", "not_found"),
    ("bob", "archived", "forbidden"),
    ("cy", "archived", "forbidden"),
    ("eve", "archived", "not_found"),
]


async def test_post(stage: Stage, door: Door) -> None:
    for who, where, expected in WHO_MAY_POST:
        channel = stage.channels[where]
        before = await stage.cast["ann"].page(channel)
        async with door.of(stage.cast[who]) as act:
            outcome = await _outcome(act.post(channel["id"], f"{who} in {where}"))
        assert (who, where, outcome) == (who, where, expected) or (expected, outcome) == ("forbidden", "conflict")
        after = await _settled(stage.cast["ann"], channel, before["seq"] + (expected == "ok"))
        assert after["seq"] == before["seq"] + (expected == "ok")


WHO_MAY_CHANGE = [
    # who, edit, react, delete: of Bob's message in the public channel
    ("eve", "not_found", "not_found", "not_found"),
    ("cy", "forbidden", "forbidden", "forbidden"),
    ("ann", "forbidden", "ok", "ok"),
    ("bob", "ok", "ok", "ok"),
]


@pytest.mark.parametrize(("who", "edit", "react", "delete"), WHO_MAY_CHANGE, ids=[row[0] for row in WHO_MAY_CHANGE])
async def test_change(stage: Stage, door: Door, who: str, edit: str, react: str, delete: str) -> None:
    ann, message_id = stage.cast["ann"], stage.message["message_id"]
    expected = stage.message["seq"]

    async def tried(attempt, wanted: str):
        nonlocal expected
        assert await _outcome(attempt) == wanted
        expected += wanted == "ok"
        page = await _settled(ann, stage.channels["public"], expected)
        assert page["seq"] == expected
        return page["results"][0]

    async with door.of(stage.cast[who]) as act:
        assert (await tried(act.edit(message_id, "changed"), edit))["text"] == (
            "changed" if edit == "ok" else "Bob's words"
        )
        assert bool((await tried(act.react(message_id, "🎈"), react))["reactions"]) is (react == "ok")
        assert (await tried(act.delete(message_id), delete))["deleted"] is (delete == "ok")


TEXTS = [
    ("x" * 12_000, "ok"),
    ("🎈" * 12_000, "ok"),
    ("x" * 12_001, "invalid"),
    ("", "invalid"),
    ("line\nline\r\nline\ttab", "ok"),
    ("  spaces kept  ", "ok"),
    ("<script>alert(1)</script>", "ok"),
    ("a\u202eb\u0000c", "invalid"),
    ("e\u0301 is not é", "ok"),
]


async def test_texts(stage: Stage, door: Door) -> None:
    bob, channel = stage.cast["bob"], stage.channels["public"]
    accepted = []
    async with door.of(bob) as act:
        for text, expected in TEXTS:
            outcome = await _outcome(act.post(channel["id"], text))
            assert (text[:30], outcome) == (text[:30], expected) or (expected, outcome) == ("invalid", "too_large")
            if outcome == "ok":
                accepted.append(text)
    await _settled(bob, channel, stage.message["seq"] + len(accepted))
    history = await bob.history(channel)
    assert [message["text"] for message in history[1:]] == accepted
    assert not any("<script" in (message["html"] or "") for message in history)


WHO_MAY_READ = [
    # who, where, outcome of moving one's read marker there and of marking its message unread
    ("ann", "public", "ok"),
    ("cy", "public", "forbidden"),
    ("eve", "public", "not_found"),
    ("bob", "private", "ok"),
    ("cy", "private", "not_found"),
    ("eve", "dm", "not_found"),
    ("ann", "archived", "ok"),
]


async def test_markers(stage: Stage, door: Door) -> None:
    """A refused move changes nobody's marker; an allowed one changes the mover's alone."""
    bob = stage.cast["bob"]
    posted = {"public": stage.message}
    for where in ("private", "dm"):
        posted[where] = await bob.post(stage.channels[where], "to be read")
        await _until(lambda: _unread(stage, "ann", stage.channels[where]), 1)  # noqa: B023 - awaited at once
        await _until(lambda: _unread(stage, "bob", stage.channels[where]), 0)  # noqa: B023
    await _until(lambda: _unread(stage, "bob", stage.channels["public"]), 0)
    for who, where, expected in WHO_MAY_READ:
        person, channel = stage.cast[who], stage.channels[where]
        before = {name: await _markers(stage, name) for name in ("ann", "bob", "cy")}
        async with door.of(person) as act:
            outcome = await _outcome(act.mark(channel["id"], channel["count"] + (where in posted)))
            if outcome == "ok" and where in posted:
                await _until(lambda: _unread(stage, who, channel), 0)  # noqa: B023 - awaited at once
        assert (who, where, outcome) == (who, where, expected)
        if where in posted and who != "bob":
            back = person.rest.post(f"/v1/messages/{posted[where]['message_id']}/unread")
            assert (who, where, await _outcome(back)) == (who, where, expected)
            if expected == "ok":
                await _until(lambda: _unread(stage, who, channel), 1)  # noqa: B023
        for name, markers in before.items():
            if name != who or expected != "ok":
                assert (name, await _markers(stage, name)) == (name, markers)

    ann, channel = stage.cast["ann"], stage.channels["public"]
    before = await _markers(stage, "ann")
    async with door.of(ann) as act:
        for n in (-1, "many", 1 << 70):
            assert (n, await _outcome(act.mark(channel["id"], n))) == (n, "invalid")
    assert await _markers(stage, "ann") == before


async def test_presence_is_for_those_who_share_a_workspace(stage: Stage, door: Door) -> None:
    """To a stranger everybody is offline, or not there, and what they have set stays theirs."""
    bob = stage.cast["bob"]
    await bob.rest.call("PUT", "/v1/me/status", {"text": "at lunch"})
    await bob.socket()
    for who, seen in (("ann", True), ("cy", True), ("eve", False)):
        wanted = ("online", "at lunch") if seen else None
        await _until(lambda: _presence(stage, door, who, bob), wanted)  # noqa: B023 - awaited at once


async def test_a_mention_of_a_group_counts_for_who_is_in_it(stage: Stage, door: Door) -> None:
    ann, bob, cy = (stage.cast[who] for who in ("ann", "bob", "cy"))
    channel = stage.channels["public"]
    workspace_id = channel["workspace_id"]
    await cy.rest.post(f"/v1/channels/{channel['id']}/join")
    made = await ann.rest.post(
        f"/v1/workspaces/{workspace_id}/groups", {"handle": "crew", "name": "The crew", "user_ids": [bob.id]}
    )
    async with door.of(ann) as act:
        message_id = await act.post(channel["id"], "all hands, @crew!")

    async def named(person: Person) -> tuple[int, int]:
        found = await person.rest.get(f"/v1/workspaces/{workspace_id}/unreads")
        rows = {row["channel_id"]: (row["unread"], row["mentions"]) for row in found["results"]}
        return rows.get(channel["id"], (0, 0))

    await _until(lambda: named(bob), (1, 1))
    await _until(lambda: named(cy), (1, 0))
    message = await bob.rest.get(f"/v1/messages/{message_id}")
    assert message["mentions"] == [{"kind": "group", "handle": "crew", "user_id": None, "group_id": made["id"]}]


WHO_MAY_HAVE_EMOJI = [
    # who, add one while members may, and while admins may; remove Bob's; react with it to Bob's message
    ("eve", "not_found", "not_found", "not_found", "not_found"),
    ("cy", "ok", "forbidden", "forbidden", "forbidden"),
    ("ann", "ok", "ok", "ok", "ok"),
    ("bob", "ok", "forbidden", "ok", "ok"),
]


async def test_custom_emoji(stage: Stage, door: Door) -> None:
    ann, bob, channel = stage.cast["ann"], stage.cast["bob"], stage.channels["public"]
    workspace = f"/v1/workspaces/{channel['workspace_id']}"

    async def names() -> set[str]:
        return {row["name"] for row in (await ann.rest.get(f"{workspace}/emoji"))["results"]}

    seq = stage.message["seq"]
    for who, add, add_as_admins, remove, react in WHO_MAY_HAVE_EMOJI:
        rest = stage.cast[who].rest
        await bob.rest.post(f"{workspace}/emoji", {"name": "bobs", "image": _picture()})
        async with door.of(stage.cast[who]) as act:
            assert (who, await _outcome(act.react(stage.message["message_id"], "bobs"))) == (who, react)
            seq += react == "ok"
            page = await _settled(ann, channel, seq)
            shown = {one["emoji"]: one["user_ids"] for one in page["results"][0]["reactions"]}
            assert (who, page["seq"], shown) == (who, seq, {"bobs": [stage.cast[who].id]} if react == "ok" else {})
            if react == "ok":
                await act.react(stage.message["message_id"], "bobs", on=False)
                seq += 1
        for by, expected in (("members", add), ("admins", add_as_admins)):
            await ann.rest.patch(workspace, {"emoji_by": by})
            before = await names()
            for name, image, wanted in (
                (f"{who}_{by}", _picture(), expected),
                ("bobs", _picture(), "conflict" if expected == "ok" else expected),
                ("noise", base64.b64encode(b"<svg/>").decode(), "invalid" if expected == "ok" else expected),
            ):
                outcome = await _outcome(rest.post(f"{workspace}/emoji", {"name": name, "image": image}))
                assert (who, by, name, outcome) == (who, by, name, wanted)
            assert await names() == before | ({f"{who}_{by}"} if expected == "ok" else set())
        assert (who, await _outcome(rest.delete(f"{workspace}/emoji/bobs"))) == (who, remove)
        assert ("bobs" in await names()) is (remove != "ok")
        await ann.rest.patch(workspace, {"emoji_by": "members"})
        if remove != "ok":
            await bob.rest.delete(f"{workspace}/emoji/bobs")


WHO_MAY_HAVE_GROUPS = [
    # who, while admins may, and while members may: make, change and archive one
    ("eve", "not_found", "not_found"),
    ("cy", "forbidden", "ok"),
    ("ann", "ok", "ok"),
]


async def test_user_groups(stage: Stage, door: Door) -> None:
    """What is refused leaves the groups as they were; a mention through either door names the one that is left."""
    ann, bob, channel = stage.cast["ann"], stage.cast["bob"], stage.channels["public"]
    workspace = f"/v1/workspaces/{channel['workspace_id']}"
    made = await ann.rest.post(f"{workspace}/groups", {"handle": "crew", "name": "Crew", "user_ids": [bob.id]})
    group = f"{workspace}/groups/{made['id']}"

    async def groups() -> dict[str, Json]:
        return {row["handle"]: row for row in (await ann.rest.get(f"{workspace}/groups"))["results"]}

    for who, *expected in WHO_MAY_HAVE_GROUPS:
        rest = stage.cast[who].rest
        for by, wanted in zip(("admins", "members"), expected, strict=True):
            await ann.rest.patch(workspace, {"groups_by": by})
            before = await groups()
            handle = f"{who}-{by}"
            good = {"handle": handle, "name": "Some", "user_ids": [bob.id]}
            for body, outcome in (
                (good | {"handle": "crew"}, "conflict"),
                (good | {"handle": "not a handle"}, "invalid"),
                (good | {"user_ids": [stage.cast["eve"].id]}, "invalid"),
            ):
                allowed = {outcome} if wanted == "ok" else {wanted, "invalid"}
                assert await _outcome(rest.post(f"{workspace}/groups", body)) in allowed
            assert (who, by, await groups()) == (who, by, before)
            assert (who, by, await _outcome(rest.post(f"{workspace}/groups", good))) == (who, by, wanted)
            assert set(await groups()) - set(before) == ({handle} if wanted == "ok" else set())
            for change in ({"name": f"The crew of {handle}"}, {"archived": True}):
                before = await groups()
                assert (who, by, await _outcome(rest.patch(group, change))) == (who, by, wanted)
                after = await groups()
                assert after["crew"] == (before["crew"] | change if wanted == "ok" else before["crew"])
            await ann.rest.patch(group, {"archived": False})
    async with door.of(ann) as act:
        message_id = await act.post(channel["id"], "all hands, @crew!")
    message = await _sequenced(bob, message_id)
    assert [one["group_id"] for one in message["mentions"]] == [made["id"]]


async def test_sends_with_files(stage: Stage, door: Door) -> None:
    """A file that is another's, incomplete, used, gone or named twice: refused, and all is as it was."""
    ann, bob, channel = stage.cast["ann"], stage.cast["bob"], stage.channels["public"]
    workspace_id = channel["workspace_id"]
    elsewhere = await bob.workspace("Bob's own")
    mine, used, spare = [await _uploaded(bob, workspace_id) for _ in range(3)]
    foreign, other = await _uploaded(ann, workspace_id), await _uploaded(bob, elsewhere["id"])
    unfinished = await bob.rest.post("/v1/files", {"workspace_id": workspace_id, "name": "half.txt", "size": 9})
    gone = await _uploaded(bob, workspace_id)
    await bob.rest.delete(f"/v1/files/{gone}")
    await bob.post(stage.channels["private"], "", file_ids=[used])
    seq = (await ann.page(channel))["seq"]
    async with door.of(bob) as act:
        for bad in (
            [foreign],
            [unfinished["id"]],
            [used],
            [other],
            [gone],
            ["12345"],
            [spare, foreign],
            [spare, spare],
            [str(n) for n in range(11)],
            ["x"],
        ):
            assert (bad, await _outcome(act.post(channel["id"], "with", file_ids=bad))) == (bad, "invalid")
        assert await _outcome(act.post(channel["id"], "", file_ids=[])) == "invalid"
        assert (await ann.page(channel))["seq"] == seq
        for owner, file_id in ((ann, foreign), (bob, spare), (bob, other), (bob, unfinished["id"])):
            found = await owner.rest.get(f"/v1/files/{file_id}")
            assert (found["channel_id"], found["message_id"]) == (None, None)
        assert (await bob.rest.get(f"/v1/files/{used}"))["channel_id"] == stage.channels["private"]["id"]
        message_id = await act.post(channel["id"], "", file_ids=[spare, mine])
    await _settled(ann, channel, seq + 1)
    message = await ann.rest.get(f"/v1/messages/{message_id}")
    assert [file["id"] for file in message["files"]] == [spare, mine]
    for who, status in (("ann", 200), ("cy", 200), ("eve", 404)):
        answer = await stage.cast[who].rest.raw("GET", message["files"][0]["url"])
        assert (who, answer.status) == (who, status)


async def test_who_may_not_post_uses_up_no_file(stage: Stage, door: Door) -> None:
    cy, public = stage.cast["cy"], stage.channels["public"]
    file_id = await _uploaded(cy, public["workspace_id"])
    async with door.of(cy) as act:
        for where, expected in (("public", "forbidden"), ("private", "not_found"), ("archived", "forbidden")):
            outcome = await _outcome(act.post(stage.channels[where]["id"], "", file_ids=[file_id]))
            assert (where, outcome) == (where, expected) or outcome == "conflict"
    assert (await cy.rest.get(f"/v1/files/{file_id}"))["channel_id"] is None


def _picture() -> str:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), (90, 90, 200)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


async def _uploaded(person: Person, workspace_id: str) -> str:
    made = await person.rest.post("/v1/files", {"workspace_id": workspace_id, "name": "note.txt", "size": 4})
    headers = {"content-type": "application/octet-stream", "upload-offset": "0"}
    answer = await person.rest.raw("PATCH", f"/v1/files/{made['id']}/content", body=b"note", headers=headers)
    assert answer.status == 200
    return str(made["id"])


async def _sequenced(person: Person, message_id: str) -> Json:
    import asyncio

    async with asyncio.timeout(10):
        while True:
            try:
                message: Json = await person.rest.get(f"/v1/messages/{message_id}")
            except ProblemError:
                await asyncio.sleep(0.02)
            else:
                return message


async def _presence(stage: Stage, door: Door, who: str, person: Person) -> tuple[str, str] | None:
    async with door.of(stage.cast[who]) as act:
        try:
            found = await act.presence(stage.channels["public"]["workspace_id"], person.id)
        except ProblemError as error:
            assert error.code == "not_found"
            return None
    return None if found is None else (found["state"], found["status"]["text"])


async def _markers(stage: Stage, who: str):
    """Where they have read to, by channel; an own post moves it, so what is counted is what is unread."""
    workspace_id = stage.channels["public"]["workspace_id"]
    found = await stage.cast[who].rest.get(f"/v1/workspaces/{workspace_id}/unreads")
    return {row["channel_id"]: (row["unread"], row["marker"]["version"]) for row in found["results"]}


async def _unread(stage: Stage, who: str, channel: Json) -> int | None:
    unread = (await _markers(stage, who)).get(channel["id"])
    return None if unread is None else unread[0]


async def _until(ask, wanted) -> None:
    import asyncio

    async with asyncio.timeout(10):
        while await ask() != wanted:
            await asyncio.sleep(0.05)


async def _outcome(attempt) -> str:
    try:
        await attempt
    except ProblemError as error:
        return error.code
    return "ok"


async def _settled(person: Person, channel: Json, seq: int):
    """The page once it is complete up to `seq`: the socket answers at durability, a moment before."""
    import asyncio

    async with asyncio.timeout(10):
        while True:
            page = await person.page(channel)
            if page["seq"] >= seq:
                return page
            await asyncio.sleep(0.02)
