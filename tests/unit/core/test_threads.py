"""Reading threads."""

from django.utils import translation

from apps.core import threads


async def test_what_is_read_is_said_in_the_readers_language() -> None:
    with translation.override("de"):
        assert await threads.read(translation.get_language) == "de"
    assert await threads.read(translation.get_language) == "en"
