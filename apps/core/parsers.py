"""The JSON parser of the REST doors. DRF's own reads a body of any size and any depth."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from apps.core.errors import TooLargeError


class BoundedJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLargeError(f"A body has at most {limit} bytes.")
        return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN. Raises ParseError."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ParseError("The body is not valid JSON.") from error


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
