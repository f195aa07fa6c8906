"""Celery's door to this room."""

from celery import shared_task

from apps.core import background
from apps.previews import actions

_TIMEOUT_S = 20.0


@shared_task(name="previews.fetch")  # type: ignore[untyped-decorator]  # Celery has no types
def fetch(message_id: str) -> None:
    """Somebody looks at a message with links. It may run twice; what is known already is not fetched."""
    workspace_id, links = background.run(actions.find_links(message_id=int(message_id)), timeout_s=_TIMEOUT_S)
    if links:
        actions.fetch_previews(workspace_id=workspace_id, links=links, message_id=int(message_id))


@shared_task(name="previews.purge")  # type: ignore[untyped-decorator]
def purge() -> None:
    """Meant for beat, once an hour."""
    actions.purge_previews()
