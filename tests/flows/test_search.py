"""Search: what is found, by whom, and that it follows what happens to messages."""

import asyncio
from collections.abc import Callable

import pytest

from bench.client import Json, Person, ProblemError
from bench.product import Product
from tests.harness.fixtures import MakePeople, People

DEADLINE_S = 20.0


async def search(person: Person, workspace: Json, query: str, **more: object) -> Json:
    found: Json = await person.rest.get(f"/v1/workspaces/{workspace['id']}/search", q=query, **more)
    return found


async def found(person: Person, workspace: Json, query: str, **more: object) -> list[str]:
    return [hit["message"]["text"] for hit in (await search(person, workspace, query, **more))["results"]]


async def until_found(person: Person, workspace: Json, query: str, expected: list[str], **more: object) -> None:
    """The index follows a moment later."""
    async with asyncio.timeout(DEADLINE_S):
        while (last := await found(person, workspace, query, **more)) != expected:
            await asyncio.sleep(0.3)
    assert last == expected


async def test_words_people_places_and_what_messages_have(people: People) -> None:
    team = await people.team("Ann", "Bob", channel="plans")
    ann, bob = team.people
    w, plans = team.workspace, team.channel
    garden = await ann.channel(w, "garden", bob)
    direct = await ann.direct(w, bob)
    first = await ann.post(plans, "The deployment plan: https://example.org/plan")
    await bob.post(garden, "plant roses, 東京 style")
    await bob.post(direct, "our secret plan")
    reply = await bob.post(plans, "I like the plan", thread_id=first["message_id"])
    await ann.rest.put(f"/v1/messages/{reply['message_id']}/reactions/%F0%9F%91%8D")
    plan, roses, secret, like = (
        "The deployment plan: https://example.org/plan",
        "plant roses, 東京 style",
        "our secret plan",
        "I like the plan",
    )
    await until_found(ann, w, "has:reaction", [like])
    assert await found(ann, w, "plan") == [like, secret, roses, plan]
    assert await found(ann, w, "ployment") == [plan]
    assert await found(ann, w, "東京") == [roses]
    assert await found(ann, w, '"the plan"') == [like]
    assert await found(ann, w, "plan -plant") == [like, secret, plan]
    assert await found(ann, w, "plan from:bob in:#plans") == [like]
    assert await found(ann, w, "plan from:me") == [plan]
    assert await found(ann, w, "plan in:@bob") == [secret]
    assert await found(ann, w, "-in:#plans -in:@bob from:bob") == [roses]
    assert await found(ann, w, "has:link") == [plan]
    assert await found(ann, w, "is:thread") == [like, plan]
    assert await found(ann, w, "on:today plan", tz="Pacific/Kiritimati") == [like, secret, roses, plan]
    assert await found(ann, w, "before:today plan") == []
    assert await found(ann, w, "plan", sort="best") == [like, secret, plan, roses]
    answer = await search(ann, w, "deploy")
    assert answer["results"][0]["snippet"][:2] == [
        {"text": "The ", "match": False},
        {"text": "deploy", "match": True},
    ]
    nobody = await search(ann, w, "from:nobody in:#nowhere x")
    assert (nobody["results"], nobody["notes"]) == (
        [],
        ["There is nobody called @nobody.", "There is no channel called #nowhere."],
    )


async def test_pages(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    for number in range(7):
        await ann.post(team.channel, f"page {number}")
    await until_found(ann, team.workspace, "page", [f"page {n}" for n in range(6, -1, -1)])
    for sort in ("newest", "best"):
        texts: list[str] = []
        cursor = None
        while True:
            page = await search(ann, team.workspace, "page -earlier", sort=sort, limit=3, cursor=cursor)
            texts += [hit["message"]["text"] for hit in page["results"]]
            await ann.post(team.channel, f"a page newer than the search by {sort}, earlier than the next")
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert texts == [f"page {n}" for n in range(6, -1, -1)], sort


async def test_edits_and_deletions(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    await ann.post(team.channel, "stays as it is")
    edited = await ann.post(team.channel, "the first wording")
    deleted = await ann.post(team.channel, "regretted words")
    await until_found(ann, team.workspace, "words", ["regretted words"])
    await ann.rest.patch(f"/v1/messages/{edited['message_id']}", {"text": "the second wording"})
    await ann.rest.delete(f"/v1/messages/{deleted['message_id']}")
    assert await found(ann, team.workspace, "regretted") == [], "at once, whatever the index has"
    await until_found(ann, team.workspace, "second", ["the second wording"])
    assert await found(ann, team.workspace, "first wording") == []


async def test_only_what_one_may_see_now(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (eve,) = await people("Eve")
    (guest,) = await people("Guest")
    await ann.bring(team.workspace, guest, role="guest")
    w = team.workspace
    private = await ann.channel(w, "hidden", bob, kind="private")
    public = await ann.channel(w, "open")
    await ann.post(private, "needle in private")
    await ann.post(public, "needle in public")
    await until_found(ann, w, "needle", ["needle in public", "needle in private"])
    assert await found(bob, w, "needle") == ["needle in public", "needle in private"]
    await ann.rest.delete(f"/v1/channels/{private['id']}/members/{bob.id}")
    assert await found(bob, w, "needle") == ["needle in public"]
    answer = await search(bob, w, "needle in:#hidden")
    assert (answer["results"], answer["notes"]) == ([], ["There is no channel called #hidden."])
    assert await found(guest, w, "needle") == []
    with pytest.raises(ProblemError) as refused:
        await search(eve, w, "needle")
    assert refused.value.code == "not_found"


BAD: list[Json] = [
    {"q": ""},
    {"q": "has:cheese"},
    {"q": "x", "sort": "odd"},
    {"q": "x", "tz": "../etc"},
    {"q": "x", "cursor": "?"},
    {"q": "x", "limit": 51},
]


@pytest.mark.parametrize("query", BAD)
async def test_bad_questions(people: People, query: Json) -> None:
    team = await people.team("Ann")
    with pytest.raises(ProblemError) as refused:
        await team.people[0].rest.get(f"/v1/workspaces/{team.workspace['id']}/search", **query)
    assert refused.value.code == "invalid"


async def test_the_index_is_rebuilt_by_one_command_and_forgets_a_workspace(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = product_factory("embedded")
    team = await people_in(product).team("Ann")
    ann, w = team.people[0], team.workspace
    await ann.post(team.channel, "kept words")
    gone = await ann.post(team.channel, "gone words")
    await ann.rest.delete(f"/v1/messages/{gone['message_id']}")
    await until_found(ann, w, "words", ["kept words"])
    assert "removed 1 messages" in await asyncio.to_thread(product.manage, "reindex", "--forget", w["id"])
    assert await found(ann, w, "words") == []
    assert "indexed" in await asyncio.to_thread(product.manage, "reindex")
    assert await found(ann, w, "words") == ["kept words"]
    await ann.post(team.channel, "later words")
    await until_found(ann, w, "words", ["later words", "kept words"])


async def test_the_index_catches_up_after_it_was_away(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = product_factory("embedded")
    team = await people_in(product).team("Ann")
    ann, w = team.people[0], team.workspace
    await ann.post(team.channel, "one word")
    await until_found(ann, w, "word", ["one word"])
    await ann.post(team.channel, "two words")
    await asyncio.to_thread(product.kill)
    (product.directory / "data" / "search.sqlite3").unlink()
    await asyncio.to_thread(product.start)
    await ann.post(team.channel, "three words")
    await until_found(ann, w, "three", ["three words"])
    await asyncio.to_thread(product.manage, "reindex")
    assert await found(ann, w, "word") == ["three words", "two words", "one word"]
