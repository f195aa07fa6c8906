"""The product as fixtures, both profiles, and people in it. One product of each profile serves a whole session."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest

from bench.client import Json, Person
from bench.product import Product
from deploy.services import Services, ServiceUnavailable

# Its plugin imports it after the last test, when an earlier recursion error may have confused Python 3.11's parser.
_ = hypothesis
SERVERS = ("postgres", "redis", "kafka", "cassandra")
_unavailable: dict[str, str] = {}
_skipped: list[str] = []
_products: dict[str, Product] = {}


def require_servers(services: Services, names: tuple[str, ...]) -> None:
    """Start them. When that can't be done: a failure under CI, else a skip that is counted at the end."""
    for name in names:
        if name not in _unavailable:
            try:
                services.start(name)
            except ServiceUnavailable as error:
                _unavailable[name] = str(error)
    missing = {name: _unavailable[name] for name in names if name in _unavailable}
    if missing:
        reason = f"real servers can't start: {missing}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        _skipped.append(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """The real servers, this session's own, in one instance."""
    own = Services.ephemeral()
    try:
        yield own
    finally:
        own.destroy()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Product]:
    with Product("embedded") as product:
        _products["embedded"] = product
        yield product


@pytest.fixture(scope="session")
def cluster(services: Services) -> Iterator[Product]:
    require_servers(services, SERVERS)
    with Product("cluster", services=services, webs=2, indexers=1, reads=1) as product:
        _products["cluster"] = product
        yield product


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("cluster", marks=pytest.mark.real(*SERVERS)),
    ]
)
def product(request: pytest.FixtureRequest) -> Product:
    """Each profile in turn."""
    found: Product = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def product_factory(services: Services) -> Iterator[Callable[..., Product]]:
    """Makes products of one test's own, which may be killed."""
    made: list[Product] = []

    def make(profile: str, **options: Any) -> Product:
        if profile == "cluster":
            require_servers(services, SERVERS)
            options["services"] = services
        one = Product(profile, **options)  # type: ignore[arg-type]  # a parameter of the test names it
        _products[f"{profile} of this test"] = one
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.close()


@dataclass
class People:
    """Makes people in one product and closes what they hold."""

    base_url: str
    everyone: list[Person] = field(default_factory=list)

    async def __call__(self, *names: str) -> list[Person]:
        made = [await Person.sign_up(self.base_url, name) for name in names]
        self.everyone += made
        return made

    async def team(self, *names: str, channel: str = "general-talk") -> "Team":
        """The first owns a workspace with the others as members, and all are in one public channel."""
        people = await self(*names)
        owner = people[0]
        workspace = await owner.workspace(f"{names[0]} and friends")
        if len(people) > 1:
            await owner.bring(workspace, *people[1:])
        made = await owner.channel(workspace, channel, *people[1:])
        return Team(workspace, made, people)

    async def close(self) -> None:
        for person in self.everyone:
            await person.close()


@dataclass
class Team:
    workspace: Json
    channel: Json
    people: list[Person]

    @property
    def stream(self) -> str:
        return str(self.channel["stream"])


@pytest.fixture
async def people(product: Product) -> AsyncIterator[People]:
    found = People(product.url)
    yield found
    await found.close()


MakePeople = Callable[[Product], People]


@pytest.fixture
async def people_in() -> AsyncIterator[MakePeople]:
    """People in a product of the test's choice."""
    made: list[People] = []

    def make(product: Product) -> People:
        made.append(People(product.url))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _skipped:
        terminalreporter.section("real servers", sep="!", red=True)
        terminalreporter.line(f"{len(_skipped)} tests DID NOT RUN: {_skipped[0]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    reporter = item.config.pluginmanager.get_plugin("terminalreporter")
    if report.failed and reporter is not None:
        # at once: the whole report comes at the end of a long run, or, when that is cut off, never
        reporter.write_line(f"\nFAILED {report.nodeid} ({report.when}, {report.duration:.0f} s)")
    if (
        report.when == "call"
        and report.failed
        and {"product", "embedded", "cluster", "product_factory"} & set(getattr(item, "fixturenames", ()))
    ):
        for name, product in _products.items():
            if tail := product.log_tail():
                report.sections.append((f"log of {name}", tail))


__all__ = [
    "cluster",
    "embedded",
    "people",
    "people_in",
    "product",
    "product_factory",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "services",
]
