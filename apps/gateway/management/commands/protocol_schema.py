"""Write docs/protocol.schema.json from apps/gateway/frames.py."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.gateway import frames


class Command(BaseCommand):
    help = "Write the JSON Schema of the socket's frames."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default=str(settings.BASE_DIR / "docs" / "protocol.schema.json"))

    def handle(self, *_args: Any, **options: Any) -> None:
        Path(options["output"]).write_text(json.dumps(frames.schema(), indent=1) + "\n", encoding="utf-8")
