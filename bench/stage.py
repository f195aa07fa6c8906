"""A product of a benchmark's own, with a workspace and as many people as it takes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bench.client import Json, Person, RestClient
from bench.product import ROOT, Product, ProductError, Profile
from deploy.services import Services

# The limit of 50 messages a second is a rule for one person; a benchmark's few senders stand for many.
ENV = {"MESSAGE_RATE_PER_S": "1000000", "LOG_LEVEL": "WARNING"}
_ADD_AT_ONCE = 100


@dataclass(frozen=True)
class Seeded:
    id: str
    token: str


class Stage:
    """`with Stage("embedded") as stage:` — everything it started is gone afterwards."""

    def __init__(
        self,
        profile: Profile,
        *,
        webs: int = 1,
        sequencers: int = 1,
        messages: int = 0,
        workers: int = 1,
        bulk: int = 0,
        whole: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.profile = profile
        self._webs, self._sequencers, self._messages, self._workers = webs, sequencers, messages, workers
        self._bulk = bulk
        # The other readers of the log; an embedded product has them anyway.
        self._readers = int(whole)
        self._env = ENV | dict(env or {})
        self._stack = ExitStack()
        self._seeded = 0

    def __enter__(self) -> Self:
        try:
            services = None
            if self.profile == "cluster":
                services = Services.ephemeral()
                self._stack.callback(services.destroy)
                services.start()
            self.services = services
            self.product = self._stack.enter_context(
                Product(
                    self.profile,
                    services=services,
                    env=self._env,
                    webs=self._webs,
                    sequencers=self._sequencers,
                    messages=self._messages,
                    workers=self._workers,
                    bulk=self._bulk,
                    indexers=self._readers,
                    reads=self._readers,
                )
            )
            self.owner_token, self.workspace = asyncio.run(self._open())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            print(self.product.log_tail(15), file=sys.stderr)
        try:
            self._stack.close()
        except ProductError as failure:
            # The figures stand; that a role did not end in time is worth a word.
            print(f"at the end: {failure}", file=sys.stderr)

    @property
    def web_urls(self) -> list[str]:
        return [self.product.url_of(name) for name in self.product.roles if name.startswith("web")]

    def pids(self) -> dict[str, list[int]]:
        """Server processes by kind: gateway, other roles of ours, the real servers."""
        roles = {name: [role.pid] for name, role in self.product.roles.items()}
        groups: dict[str, list[int]] = {"gateway": [], "messages": [], "roles": []}
        for name, pids in roles.items():
            groups[{"web": "gateway", "messages": "messages"}.get(name.partition("-")[0], "roles")] += pids
        if self.services:
            for name in ("kafka", "cassandra", "redis", "postgres"):
                process = self.services.process(name)
                groups[name] = [each.pid for each in process.tree()] if process else []
        return groups

    async def _open(self) -> tuple[str, Json]:
        owner = await Person.sign_up(self.product.url, "Owner")
        try:
            return await owner.token(), await owner.workspace("Bench")
        finally:
            await owner.close()

    def seed(self, count: int, *, channel_id: str | None = None) -> list[Seeded]:
        """`count` more members of the workspace, and of a channel that nobody has used yet."""
        prefix = f"p{self._seeded}x"
        self._seeded += count
        asked = {"workspace_id": self.workspace["id"], "count": count, "prefix": prefix, "channel_id": channel_id}
        done = subprocess.run(
            [sys.executable, "-m", "bench.seed"],
            cwd=ROOT,
            env=self.product.roles["web-0"].env,
            input=json.dumps(asked),
            text=True,
            capture_output=True,
            check=False,
            timeout=540,
        )
        if done.returncode:
            raise RuntimeError(f"seeding failed:\n{done.stderr[-3000:]}")
        return [Seeded(**user) for user in json.loads(done.stdout)["users"]]

    def channels(self, groups: Sequence[Sequence[Seeded]]) -> list[Json]:
        """A channel for each group, with its members in it, made through REST."""
        return asyncio.run(self._channels(groups))

    async def _channels(self, groups: Sequence[Sequence[Seeded]]) -> list[Json]:
        rest = RestClient(self.product.url, self.owner_token)
        made: list[Json] = []
        try:
            for number, group in enumerate(groups):
                ids = [person.id for person in group]
                channel: Json = await rest.post(
                    f"/v1/workspaces/{self.workspace['id']}/channels",
                    {"name": f"room-{len(made)}-{number}", "kind": "public", "members": ids[:_ADD_AT_ONCE]},
                )
                for start in range(_ADD_AT_ONCE, len(ids), _ADD_AT_ONCE):
                    await rest.post(
                        f"/v1/channels/{channel['id']}/members", {"user_ids": ids[start : start + _ADD_AT_ONCE]}
                    )
                made.append(channel)
        finally:
            await rest.close()
        return made


def report(name: str, figures: Mapping[str, Any], conditions: Mapping[str, Any], *, as_json: bool) -> None:
    """The last line of a benchmark: its figures as one line of JSON, or one figure a line for people."""
    if as_json:
        print(json.dumps({"bench": name, **figures, "conditions": conditions}))
    else:
        for key, value in figures.items():
            if not isinstance(value, list | dict):
                print(f"{key:>32}  {value}")
