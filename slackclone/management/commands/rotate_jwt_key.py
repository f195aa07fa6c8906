"""A new key for access tokens. It stands here and not in accounts because only this room knows where secrets live."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from slackclone import keys


class Command(BaseCommand):
    help = (
        "Make a new signing key for access tokens. Embedded: secrets.json is rewritten; a running process goes on "
        "signing with the key it started with, and signs with the new one after its next start. Nobody is signed out: "
        "the keys before it go on verifying, as many as --keep says. Cluster: prints the values of JWT_KEYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--keep", type=int, default=2, help="how many keys to have afterwards")

    def handle(self, *_: Any, keep: int, **__: Any) -> None:
        if keep < 2:  # noqa: PLR2004 - a key alone would end every session
            raise CommandError("--keep is 2 or more: tokens of the key before live for another 15 minutes.")
        before = [part.strip() for part in settings.JWT_KEYS.split(",") if part.strip()]
        numbers = [int(part.partition(":")[0]) for part in before if part.partition(":")[0].isdigit()]
        new = f"{max(numbers, default=0) + 1}:{keys.new_key()}"
        kept = before[-(keep - 1) :]
        if settings.EMBEDDED and keys.path(settings.DATA_DIR).exists():
            stored = keys.load(settings.DATA_DIR, embedded=True)
            keys.write(settings.DATA_DIR, stored._replace(jwt=",".join([*kept, new])))
            self.stdout.write("The new key signs from the next start of the process on.")
            return
        self.stdout.write("1. Roll this out everywhere; the new key verifies, the old one still signs:")
        self.stdout.write("JWT_KEYS=" + ",".join([new, *kept]))
        self.stdout.write("2. Then this; the new key signs:")
        self.stdout.write("JWT_KEYS=" + ",".join([*kept, new]))
