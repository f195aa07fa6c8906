"""Name, topic, purpose; archiving and bringing back."""

from django.db import IntegrityError, transaction

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import events, names, policies
from apps.conversations.actions import change
from apps.conversations.models import Channel, Kind, Posting
from apps.conversations.queries import access_now
from apps.core.clock import now
from apps.core.errors import ConflictError, InvalidError


def update_channel(
    *,
    actor: Principal,
    channel_id: int,
    name: str | None = None,
    topic: str | None = None,
    purpose: str | None = None,
    posting: str | None = None,
) -> Channel:
    """What is None stays as it is. `posting` is for who may manage it. Raises ConflictError when the name is taken."""
    require_scope(actor, "channels:manage")
    wanted = {
        "name": None if name is None else names.fold(name),
        "topic": None if topic is None else names.text(topic, field="topic"),
        "purpose": None if purpose is None else names.text(purpose, field="purpose"),
        "posting": posting,
    }
    if posting is not None and posting not in Posting.values:
        raise InvalidError(errors={"posting": ["everyone or admins"]})
    changed: dict[str, str] = {}
    try:
        with transaction.atomic():
            channel = change.lock(channel_id)
            access = access_now(channel, actor.user_id)
            policies.require(policies.can_update(access), access, "You can't change this conversation.")
            if posting is not None:
                policies.require(policies.can_manage(access), access, "Only an admin or its creator decides who posts.")
            changed = {
                field: value
                for field, value in wanted.items()
                if value is not None and value != getattr(channel, field)
            }
            if changed:
                old_name = channel.name
                old = old_name if channel.kind == Kind.PUBLIC else None
                for field, value in changed.items():
                    setattr(channel, field, value)
                channel.save(update_fields=list(changed))
                event = events.ChannelUpdated(
                    channel_id=str(channel.pk),
                    name=channel.name,
                    topic=channel.topic,
                    purpose=channel.purpose,
                    changed=sorted(changed),
                    old_name=old_name,
                    posting=channel.posting,
                )
                change.append(channel, event, actor_id=actor.user_id)
                if "posting" in changed:
                    change.facts_changed(channel)
                if "name" in changed:
                    change.audited(channel, "channel.renamed", actor_id=actor.user_id, old=old)
    except IntegrityError as error:
        if "name" not in changed:
            raise
        raise ConflictError(f"There is a channel #{wanted['name']} already.", errors={"name": ["taken"]}) from error
    return channel


def archive_channel(*, actor: Principal, channel_id: int) -> Channel:
    """Read only from now on. Idempotent."""
    require_scope(actor, "channels:manage")
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        why = "This channel can't be archived." if access.is_general else "Only an admin or its creator may archive it."
        policies.require(policies.can_archive(access), access, why)
        if channel.archived_at is None:
            channel.archived_at = now()
            channel.save(update_fields=["archived_at"])
            change.append(channel, events.ChannelArchived(channel_id=str(channel.pk)), actor_id=actor.user_id)
            change.audited(channel, "channel.archived", actor_id=actor.user_id)
            change.facts_changed(channel)
    return channel


def unarchive_channel(*, actor: Principal, channel_id: int) -> Channel:
    """Idempotent."""
    require_scope(actor, "channels:manage")
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        policies.require(policies.can_unarchive(access), access, "Only an admin or its creator may bring it back.")
        if channel.archived_at is not None:
            channel.archived_at = None
            channel.save(update_fields=["archived_at"])
            change.append(channel, events.ChannelUnarchived(channel_id=str(channel.pk)), actor_id=actor.user_id)
            change.audited(channel, "channel.unarchived", actor_id=actor.user_id)
            change.facts_changed(channel)
    return channel
