"""Files in S3, and served from an origin of their own."""

import asyncio
from contextlib import ExitStack
from urllib.parse import urlsplit

from bench.client import Person, RestClient
from bench.product import Product
from tests.flows.test_files import MIB, begin, get, png, put, upload
from tests.harness.fixtures import People
from tests.harness.s3 import bucket

DEADLINE_S = 20.0


async def _until_gone(person: Person, url: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while (await get(person, url)).status != 404:
            await asyncio.sleep(0.1)


async def test_s3_and_an_origin_of_their_own() -> None:
    with ExitStack() as stack:
        kept = stack.enter_context(bucket())
        product = Product("embedded", env=kept.env | {"ALLOWED_HOSTS": "127.0.0.1,localhost"})
        role = product.roles["web-0"]
        origin = f"http://localhost:{role.port}"
        role.env = {**role.env, "FILES_ORIGIN": origin}
        stack.enter_context(product)
        everyone = People(product.url)
        try:
            team = await everyone.team("Ann", "Bob")
            ann, bob = team.people
            private = await ann.channel(team.workspace, "hidden", bob, kind="private")
            data = bytes(range(256)) * (2 * 4096) + b"the end"
            file = await begin(ann, team.workspace, "large.bin", len(data))
            await put(ann, file, data[:MIB])
            await put(ann, file, data[MIB:], MIB)
            picture = await upload(ann, team.workspace, "a.png", png(600, 400))
            posted = await ann.post(private, "", file_ids=[file["id"], picture["id"]])

            objects = kept.objects()
            assert len([key for key in objects if f"/{file['id']}/original-" in key]) == 3
            assert len([key for key in objects if f"/{picture['id']}/" in key]) == 3, "original, preview, thumb"
            assert all(key.startswith("team/") for key in objects)
            assert not any(b"the end" in body or b"PNG" in body[:16] for body in objects.values()), "sealed"

            there = RestClient(origin)
            try:
                for url, other in ((file["url"], picture["url"]), (picture["thumb_url"], file["url"])):
                    led = await get(bob, url)
                    assert (led.status, led.headers["location"].split("?")[0]) == (302, origin + url)
                    proof = urlsplit(led.headers["location"]).query
                    served = await there.raw("GET", f"{url}?{proof}")
                    assert served.status == 200
                    assert served.headers["cross-origin-resource-policy"] == "cross-origin"
                    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
                    # With a token but no proof, or with that of another file, there is nothing.
                    assert (await there.raw("GET", url, token=await bob.token())).status == 404
                    assert (await there.raw("GET", f"{other}?{proof}")).status == 404
                target = (await get(bob, file["url"])).headers["location"].removeprefix(origin)
                assert (await there.raw("GET", target)).body == data
                some = await there.raw("GET", target, headers={"range": f"bytes={MIB - 3}-{MIB + 2}"})
                assert (some.status, some.body) == (206, data[MIB - 3 : MIB + 3])
                # The right is asked for again there.
                await ann.rest.delete(f"/v1/channels/{private['id']}/members/{bob.id}")
                assert (await there.raw("GET", target)).status == 404
            finally:
                await there.close()

            await ann.rest.delete(f"/v1/messages/{posted['message_id']}")
            await _until_gone(ann, file["url"])
            async with asyncio.timeout(DEADLINE_S):
                while kept.objects():
                    await asyncio.sleep(0.1)
        finally:
            await everyone.close()
