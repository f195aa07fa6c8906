"""The Message Service as calls within this process."""

from collections.abc import Sequence

from apps.accounts.principal import Principal
from apps.messaging import actions
from apps.messaging.ports import Receipt


class LocalMessageService:
    def __init__(self, url: str) -> None:
        if url:
            raise ValueError(f"a local message service has no address, this is {url!r}")

    async def post(
        self,
        *,
        actor: Principal,
        channel_id: int,
        text: str,
        kind: str = "text",
        client_msg_id: str | None = None,
        thread_id: int | None = None,
        also_in_channel: bool = False,
        file_ids: Sequence[int] = (),
        retry: bool = False,
    ) -> Receipt:
        posted = await actions.post_message(
            actor=actor,
            channel_id=channel_id,
            text=text,
            kind=kind,
            client_msg_id=client_msg_id,
            thread_id=thread_id,
            also_in_channel=also_in_channel,
            file_ids=file_ids,
            retry=retry,
        )
        return Receipt(posted.message_id, posted.timestamp)

    async def edit(self, *, actor: Principal, message_id: int, text: str) -> None:
        await actions.edit_message(actor=actor, message_id=message_id, text=text)

    async def delete(self, *, actor: Principal, message_id: int) -> None:
        await actions.delete_message(actor=actor, message_id=message_id)

    async def react(self, *, actor: Principal, message_id: int, emoji: str, on: bool) -> None:
        change = actions.add_reaction if on else actions.remove_reaction
        await change(actor=actor, message_id=message_id, emoji=emoji)

    async def close(self) -> None:
        pass
