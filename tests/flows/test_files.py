"""Files: uploads in pieces, who gets what, and what a message's deletion does to them."""

import asyncio
import io
import json
from collections.abc import Mapping

import pytest
from PIL import Image

from bench.client import Json, Person, ProblemError, problem
from bench.http import Response
from tests.harness.fixtures import People

MIB = 1024 * 1024
DEADLINE_S = 20.0


def png(width: int = 1200, height: int = 800) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, "PNG")
    return out.getvalue()


async def begin(person: Person, workspace: Json, name: str, size: int) -> Json:
    made: Json = await person.rest.post("/v1/files", {"workspace_id": workspace["id"], "name": name, "size": size})
    return made


async def put(person: Person, file: Json, data: bytes, offset: int = 0) -> Json:
    answer = await person.rest.raw(
        "PATCH",
        f"/v1/files/{file['id']}/content",
        body=data,
        headers={"content-type": "application/octet-stream", "upload-offset": str(offset)},
    )
    if answer.status >= 400:
        raise problem(answer)
    found: Json = json.loads(answer.body)
    return found


async def upload(person: Person, workspace: Json, name: str, data: bytes) -> Json:
    return await put(person, await begin(person, workspace, name, len(data)), data)


async def get(person: Person, url: str, headers: Mapping[str, str] | None = None) -> Response:
    return await person.rest.raw("GET", url, headers=headers or {})


async def test_an_image_is_uploaded_posted_seen_and_withdrawn(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (eve,) = await people("Eve")
    data = png()
    file = await upload(ann, team.workspace, "../../Früh\u202eling.png".replace("\u202e", ""), data)
    assert (file["name"], file["width"], file["height"], file["complete"]) == ("Frühling.png", 1200, 800, True)
    assert (await get(bob, file["url"])).status == 404, "only its owner's while no message has it"
    assert (await get(ann, file["url"])).body == data
    posted = await ann.post(team.channel, "", file_ids=[file["id"]])
    page = await bob.page(team.channel)
    (shown,) = page["results"][0]["files"]
    assert {key: shown[key] for key in ("id", "name", "type", "size", "width", "height")} == {
        "id": file["id"],
        "name": "Frühling.png",
        "type": "image/png",
        "size": len(data),
        "width": 1200,
        "height": 800,
    }
    original = await get(bob, shown["url"])
    assert (original.status, original.body) == (200, data)
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["x-content-type-options"] == "nosniff"
    assert original.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert original.headers["content-disposition"].startswith('attachment; filename="Fruhling.png"')
    for variant, side in (("preview_url", 1200), ("thumb_url", 480)):
        drawn = await get(bob, shown[variant])
        assert drawn.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(drawn.body)).width == side
    assert (await get(eve, shown["url"])).status == 404
    listed = await bob.rest.get(f"/v1/channels/{team.channel['id']}/files")
    assert [(row["id"], row["message_id"]) for row in listed["results"]] == [(file["id"], posted["message_id"])]
    await ann.rest.patch(f"/v1/messages/{posted['message_id']}", {"text": "with words"})
    edited = (await bob.page(team.channel))["results"][0]
    assert (edited["text"], [one["id"] for one in edited["files"]]) == ("with words", [file["id"]])
    await ann.rest.delete(f"/v1/messages/{posted['message_id']}")
    assert (await bob.page(team.channel))["results"][0]["files"] == []
    async with asyncio.timeout(DEADLINE_S):
        while (await get(bob, shown["url"])).status != 404:
            await asyncio.sleep(0.1)
    assert (await bob.rest.get(f"/v1/channels/{team.channel['id']}/files"))["results"] == []


async def test_what_a_camera_wrote_goes_unless_its_owner_wants_it(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Nikodemus"
    out = io.BytesIO()
    noise = Image.effect_noise((1200, 900), 90)
    noise.save(out, "JPEG", quality=98, exif=exif, comment=b"52.5200, 13.4050")
    data = out.getvalue()
    assert len(data) > MIB, "the last part goes with it"
    file = await begin(ann, team.workspace, "holiday.jpg", len(data))
    await put(ann, file, data[:MIB])
    done = await put(ann, file, data[MIB:], MIB)
    assert (done["complete"], done["width"], done["height"]) == (True, 900, 1200)
    assert done["size"] == done["received"] < len(data)
    clean = (await get(ann, done["url"])).body
    assert len(clean) == done["size"]
    assert b"Nikodemus" not in clean
    assert b"52.5200" not in clean
    opened = Image.open(io.BytesIO(clean))
    assert dict(opened.getexif()) == {0x0112: 6}
    assert opened.tobytes() == Image.open(io.BytesIO(data)).tobytes()
    await ann.post(team.channel, "", file_ids=[file["id"]])
    (shown,) = (await ann.page(team.channel))["results"][0]["files"]
    assert shown["size"] == len(clean)
    wanted = {"workspace_id": team.workspace["id"], "name": "proof.jpg", "size": len(data), "keep_metadata": True}
    kept = await ann.rest.post("/v1/files", wanted)
    await put(ann, kept, data[:MIB])
    kept = await put(ann, kept, data[MIB:], MIB)
    assert (await get(ann, kept["url"])).body == data


async def test_a_large_upload_goes_on_where_it_stopped(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    data = bytes(range(256)) * (3 * 4096) + b"the end"
    file = await begin(ann, team.workspace, "large.bin", len(data))
    await put(ann, file, data[: 2 * MIB])
    stands = await ann.rest.raw("HEAD", f"/v1/files/{file['id']}/content")
    assert (stands.headers["upload-offset"], stands.headers["upload-length"]) == (str(2 * MIB), str(len(data)))
    for offset in (0, MIB, 3 * MIB):
        with pytest.raises(ProblemError) as refused:
            await put(ann, file, data[offset : offset + 10], offset)
        assert refused.value.code == "conflict"
    with pytest.raises(ProblemError) as refused:
        await ann.post(team.channel, "too early", file_ids=[file["id"]])
    assert refused.value.code == "invalid"
    with pytest.raises(ProblemError) as refused:
        await put(ann, file, data[2 * MIB : 2 * MIB + 5], 2 * MIB)
    assert refused.value.code == "invalid", "a piece in the middle is whole parts"
    done = await put(ann, file, data[2 * MIB :], 2 * MIB)
    assert (done["complete"], done["received"]) == (True, len(data))
    assert (await get(ann, done["url"])).body == data
    some = await get(ann, done["url"], {"Range": f"bytes={MIB - 3}-{MIB + 2}"})
    assert (some.status, some.body) == (206, data[MIB - 3 : MIB + 3])
    assert some.headers["content-range"] == f"bytes {MIB - 3}-{MIB + 2}/{len(data)}"
    assert (await get(ann, done["url"], {"Range": f"bytes={len(data)}-"})).status == 416


async def test_rights_are_those_of_the_channel_now(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    private = await ann.channel(team.workspace, "hidden", bob, kind="private")
    file = await upload(ann, team.workspace, "plan.txt", b"secret plan")
    await ann.post(private, "the plan", file_ids=[file["id"]])
    assert (await get(bob, file["url"])).body == b"secret plan"
    await ann.rest.delete(f"/v1/channels/{private['id']}/members/{bob.id}")
    assert (await get(bob, file["url"])).status == 404
    with pytest.raises(ProblemError) as refused:
        await bob.rest.get(f"/v1/channels/{private['id']}/files")
    assert refused.value.code == "not_found"


async def test_a_file_is_attached_once_and_by_its_owner(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    file = await upload(ann, team.workspace, "a.txt", b"a")
    other = await upload(ann, team.workspace, "b.txt", b"b")
    gone = await upload(ann, team.workspace, "c.txt", b"c")
    await ann.rest.delete(f"/v1/files/{gone['id']}")
    before = (await ann.page(team.channel))["count"]
    for person, ids in (
        (bob, [file["id"]]),
        (ann, [file["id"], file["id"]]),
        (ann, [file["id"], gone["id"]]),
        (ann, ["12345"]),
        (ann, [str(n) for n in range(1, 12)]),
    ):
        with pytest.raises(ProblemError) as refused:
            await person.post(team.channel, "no", file_ids=ids)
        assert refused.value.code == "invalid"
    assert (await ann.page(team.channel))["count"] == before
    first = await ann.post(team.channel, "once", file_ids=[file["id"]], client_msg_id="k-1")
    again = await ann.post(team.channel, "once", file_ids=[file["id"]], client_msg_id="k-1")
    assert first["message_id"] == again["message_id"]
    with pytest.raises(ProblemError) as refused:
        await ann.post(team.channel, "twice", file_ids=[file["id"], other["id"]])
    assert refused.value.code == "invalid"
    listed = await ann.rest.get(f"/v1/channels/{team.channel['id']}/files")
    assert [row["message_id"] for row in listed["results"]] == [first["message_id"]]
    await ann.post(team.channel, "the other is still free", file_ids=[other["id"]])


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [
        ("", 5, "invalid"),
        ("..", 5, "invalid"),
        ("a/b/", 5, "invalid"),
        ("x" * 200, 5, "invalid"),
        ("evil\u202egpj.exe", 5, "invalid"),
        ("setup.EXE", 5, "invalid"),
        ("nul\0", 5, "invalid"),
        ("empty.txt", 0, "invalid"),
        ("negative.txt", -1, "invalid"),
        ("huge.bin", 1 << 40, "too_large"),
    ],
)
async def test_what_is_refused_at_the_beginning(people: People, name: str, size: int, code: str) -> None:
    team = await people.team("Ann")
    with pytest.raises(ProblemError) as refused:
        await begin(team.people[0], team.workspace, name, size)
    assert refused.value.code == code


async def test_strangers_and_others_can_not_touch_an_upload(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (eve,) = await people("Eve")
    file = await begin(ann, team.workspace, "a.bin", 5)
    with pytest.raises(ProblemError) as refused:
        await begin(eve, team.workspace, "a.bin", 5)
    assert refused.value.code == "not_found"
    for person in (bob, eve):
        with pytest.raises(ProblemError) as refused:
            await put(person, file, b"hello")
        assert refused.value.code == "not_found"
        assert (await person.rest.raw("GET", f"/v1/files/{file['id']}")).status == 404
        with pytest.raises(ProblemError) as refused:
            await person.rest.delete(f"/v1/files/{file['id']}")
        assert refused.value.code == "not_found"
    with pytest.raises(ProblemError) as refused:
        await put(ann, file, b"too much")
    assert refused.value.code == "too_large"
    assert (await put(ann, file, b"hello"))["complete"] is True
