"""The path converter `<id:…>`: an id of ours. Django's `<int:…>` takes numbers that no database takes.

Importing this module registers it; a urls.py that uses it does so.
"""

from django.urls import register_converter

from apps.core.ids import MAX_ID


class IdConverter:
    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > MAX_ID:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(IdConverter, "id")
