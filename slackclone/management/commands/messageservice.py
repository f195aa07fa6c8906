"""The Message Service role."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from slackclone import runtime


class Command(BaseCommand):
    help = "Serve messages over gRPC at GRPC_HOST and GRPC_PORT until SIGTERM. Stateless: any number may run."

    def handle(self, *_: Any, **__: Any) -> None:
        if settings.EMBEDDED:
            raise CommandError(
                "the embedded profile is one process: set GRPC_PORT and use serve (or set PROFILE=cluster)"
            )
        runtime.run(frozenset({runtime.Role.MESSAGES}))
