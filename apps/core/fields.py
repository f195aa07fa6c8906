"""Serializer fields that take exactly what the protocol says: DRF's own turn 5 into "5" and "yes" into true."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.ids import MAX_ID
from apps.core.text import storable


class Text(serializers.CharField):
    """A JSON string, kept byte for byte unless `trim_whitespace` is asked for."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not storable(data):
            raise serializers.ValidationError("Null characters and lone surrogates are not allowed.", code="invalid")
        return str(super().to_internal_value(data))


@extend_schema_field({"type": "string", "pattern": "^[1-9][0-9]{0,18}$"})
class Id(serializers.Field[int, Any, str, Any]):
    """An id: a string of digits in JSON, an int inside."""

    default_error_messages = {"invalid": "Not an id: a string of digits."}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not (data.isascii() and data.isdigit()) or len(data) > len(str(MAX_ID)):
            self.fail("invalid")
        number = int(data)
        if not 0 < number <= MAX_ID:
            self.fail("invalid")
        return number

    def to_representation(self, value: int) -> str:
        return str(value)


class Flag(serializers.BooleanField):
    """JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Whole(serializers.IntegerField):
    """A JSON integer."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data
