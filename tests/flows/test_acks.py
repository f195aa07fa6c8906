"""A message that is for somebody: written again, once, to a device that does not acknowledge it."""

from collections.abc import Callable

from bench.client import Json, SocketClient
from bench.product import Product
from tests.harness.fixtures import MakePeople


async def twice(socket: SocketClient, count: int) -> None:
    await socket.until(lambda: socket.counters.repeats >= count, what="the same again")


async def test_a_device_that_does_not_acknowledge(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    people = people_in(product_factory("embedded", env={"ACK_DEADLINE_S": "1"}))
    team = await people.team("Ann", "Bob", "Che")
    ann, bob, che = team.people
    direct: Json = await ann.direct(team.workspace, bob)
    members = (await ann.rest.get(f"/v1/workspaces/{team.workspace['id']}/members"))["results"]
    names = {member["user_id"]: member["handle"] for member in members}
    deaf = await bob.socket(team.stream, direct["stream"], acknowledges=False)
    good = await che.socket(team.stream)

    await ann.post(team.channel, "for nobody in particular")
    await ann.post(team.channel, f"@{names[bob.id]} and @{names[che.id]}, look")
    await ann.post(direct, "just between us")
    await twice(deaf, 2)
    assert deaf.counters.repeats == 2
    assert good.counters.repeats == 0

    # An acknowledgement of any device of theirs is enough.
    second = await bob.socket(team.stream)
    told = await ann.post(team.channel, f"@{names[bob.id]} again")
    await second.reaches(team.stream, told["seq"])
    await ann.post(direct, "and this one is resent")
    await twice(deaf, 3)
    assert deaf.counters.repeats == 3
    assert deaf.counters.gaps == 0
