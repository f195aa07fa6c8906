"""What was opened is kept for the next reader, for as long as its key is there and for its own place only."""

import pytest

from apps.core import crypto
from apps.core.errors import NotFoundError
from apps.messaging import contents
from apps.messaging.events import Content
from apps.workspaces import keys

KEY_ID, STREAM, EVENT_ID = 7, "c:1", 11


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(32))
    contents.forget()
    monkeypatch.setattr(keys, "data_key", lambda _workspace_id: (KEY_ID, key))
    monkeypatch.setattr(keys, "key_by_id", lambda _key_id: key)


async def test_the_same_content_is_deciphered_once_and_a_copy_elsewhere_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed = await contents.seal(Content(text="hello"), workspace_id=1, stream=STREAM, event_id=EVENT_ID)
    await contents.warm([sealed])
    assert contents.unseal(sealed, stream=STREAM, event_id=EVENT_ID).text == "hello"
    assert contents.unseal(sealed, stream="c:2", event_id=EVENT_ID) == contents.GONE
    assert contents.unseal(sealed, stream=STREAM, event_id=EVENT_ID + 1) == contents.GONE

    def refuse(*_args: object, **_options: object) -> bytes:
        raise crypto.SealError

    monkeypatch.setattr(crypto, "unseal", refuse)
    assert contents.unseal(sealed, stream=STREAM, event_id=EVENT_ID).text == "hello"


async def test_what_was_opened_is_gone_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = await contents.seal(Content(text="secret"), workspace_id=1, stream=STREAM, event_id=EVENT_ID)
    await contents.warm([sealed])
    assert contents.unseal(sealed, stream=STREAM, event_id=EVENT_ID).text == "secret"

    def shredded(_key_id: int) -> bytes:
        raise NotFoundError

    monkeypatch.setattr(keys, "key_by_id", shredded)
    monkeypatch.setattr(contents, "KEPT_S", -1.0)
    contents._by_id.clear()  # as when the time for which keys are kept is over
    await contents.warm([sealed])
    assert contents.unseal(sealed, stream=STREAM, event_id=EVENT_ID) == contents.GONE
