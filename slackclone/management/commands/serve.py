"""The web and gateway role; in the embedded profile, everything."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from slackclone import runtime


class Command(BaseCommand):
    help = "Serve the web, the API and the socket on PORT. Embedded: the whole product, migrations included."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *_: Any, host: str, port: int, **__: Any) -> None:
        if settings.EMBEDDED:
            call_command("migrate", verbosity=0, interactive=False)
        roles = runtime.EVERYTHING if settings.EMBEDDED else frozenset({runtime.Role.WEB})
        if settings.EMBEDDED and not settings.GRPC_PORT:
            roles -= {runtime.Role.MESSAGES}
        runtime.run(roles, host=host, port=port)
