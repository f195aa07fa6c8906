"""The tables of the store in Cassandra: the one source of their schema, for `setup()` and `manage.py sync_cassandra`.

They are cqlengine's own models and not DjangoCassandraModel, which Django's migrations would take for relational ones.
The hot path never goes through them (one insert at a time reaches 185/s): see backends/store_cassandra.py.

Absent numbers are 0 and absent texts "", since a null would be written as a tombstone. Write timestamps are log
positions (ports.write_stamp), not times: time-window compaction therefore counts its windows in records, a "minute"
being 60 million of one partition of the log. A table's rows thus still settle in the order in which they were written,
and expire together.
"""

from collections.abc import Mapping, Sequence

from cassandra.cqlengine import columns
from cassandra.cqlengine.models import Model

_WINDOWS = {
    "class": "org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy",
    "compaction_window_unit": "MINUTES",
    "compaction_window_size": "1",
}
IDEMPOTENCY_TTL_S = 72 * 3600  # at least 48 h are promised


class StreamEvent(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "stream_events"
    __options__: Mapping[str, object] = {"compaction": _WINDOWS}
    stream = columns.Text(primary_key=True, partition_key=True)
    block = columns.BigInt(primary_key=True, partition_key=True)
    seq = columns.BigInt(primary_key=True, clustering_order="ASC")
    event = columns.Blob()


class StreamHead(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "stream_heads"
    stream = columns.Text(primary_key=True)
    seq = columns.BigInt()
    count = columns.BigInt()
    created_at = columns.BigInt()
    log_partition = columns.Integer()
    log_offset = columns.BigInt()
    bucket = columns.Text()
    bucket_rows = columns.BigInt()


class Idempotency(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "idempotency"
    __options__: Mapping[str, object] = {
        "compaction": _WINDOWS,
        "default_time_to_live": IDEMPOTENCY_TTL_S,
        "gc_grace_seconds": 10_800,
    }
    stream = columns.Text(primary_key=True, partition_key=True)
    dedupe = columns.Text(primary_key=True, partition_key=True)
    log_offset = columns.BigInt(primary_key=True, clustering_order="DESC")
    log_partition = columns.Integer()
    event_id = columns.BigInt()
    seq = columns.BigInt()
    created_at = columns.BigInt()


class Message(Model):  # type: ignore[misc]  # untyped
    """`content` is sealed; content_id names the event it came with: the message itself, or its newest edit."""

    __table_name__ = "messages"
    __options__: Mapping[str, object] = {"compaction": _WINDOWS}
    channel_id = columns.BigInt(primary_key=True, partition_key=True)
    bucket = columns.Text(primary_key=True, partition_key=True)
    created_at = columns.BigInt(primary_key=True, clustering_order="DESC")
    seq = columns.BigInt(primary_key=True, clustering_order="DESC")
    message_id = columns.BigInt()
    n = columns.BigInt()
    sender_id = columns.BigInt()
    kind = columns.Text()
    client_msg_id = columns.Text()
    thread_id = columns.BigInt()
    thread_n = columns.BigInt()
    also_in_channel = columns.Boolean()
    content = columns.Blob()
    content_id = columns.BigInt()
    content_at = columns.BigInt()
    editor_id = columns.BigInt()
    deleted_at = columns.BigInt()
    reactions = columns.Map(columns.Text, columns.BigInt)
    reply_total = columns.BigInt()
    last_reply_at = columns.BigInt()
    replies_deleted = columns.Set(columns.BigInt)


class ThreadReply(Model):  # type: ignore[misc]  # untyped
    """The same fields as Message, under the key of the thread."""

    __table_name__ = "thread_replies"
    __options__: Mapping[str, object] = {"compaction": _WINDOWS}
    thread_id = columns.BigInt(primary_key=True)
    seq = columns.BigInt(primary_key=True, clustering_order="ASC")
    channel_id = columns.BigInt()
    bucket = columns.Text()
    created_at = columns.BigInt()
    message_id = columns.BigInt()
    n = columns.BigInt()
    sender_id = columns.BigInt()
    kind = columns.Text()
    client_msg_id = columns.Text()
    thread_n = columns.BigInt()
    also_in_channel = columns.Boolean()
    content = columns.Blob()
    content_id = columns.BigInt()
    content_at = columns.BigInt()
    editor_id = columns.BigInt()
    deleted_at = columns.BigInt()
    reactions = columns.Map(columns.Text, columns.BigInt)
    reply_total = columns.BigInt()
    last_reply_at = columns.BigInt()
    replies_deleted = columns.Set(columns.BigInt)


class MessageVersion(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "message_versions"
    message_id = columns.BigInt(primary_key=True)
    event_id = columns.BigInt(primary_key=True, clustering_order="DESC")
    created_at = columns.BigInt()
    editor_id = columns.BigInt()
    sealed = columns.Blob()


class MessagePlace(Model):  # type: ignore[misc]  # untyped
    """`slice`: the second in which the id was minted, and by which worker."""

    __table_name__ = "message_places"
    slice = columns.BigInt(primary_key=True, partition_key=True)
    message_id = columns.BigInt(primary_key=True, clustering_order="ASC")
    channel_id = columns.BigInt()
    sender_id = columns.BigInt()
    bucket = columns.Text()
    created_at = columns.BigInt()
    seq = columns.BigInt()
    thread_id = columns.BigInt()
    parent_bucket = columns.Text()
    parent_created_at = columns.BigInt()
    parent_seq = columns.BigInt()
    also_in_channel = columns.Boolean()


class ChannelBucket(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "channel_buckets"
    channel_id = columns.BigInt(primary_key=True)
    bucket = columns.Text(primary_key=True, clustering_order="DESC")
    first_seq = columns.BigInt()
    first_created_at = columns.BigInt()


class ChannelNotice(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "channel_notices"
    channel_id = columns.BigInt(primary_key=True)
    seq = columns.BigInt(primary_key=True, clustering_order="DESC")
    event = columns.Blob()


class ChannelPin(Model):  # type: ignore[misc]  # untyped
    __table_name__ = "channel_pins"
    channel_id = columns.BigInt(primary_key=True)
    message_id = columns.BigInt(primary_key=True, clustering_order="DESC")
    target = columns.Blob()
    pinned = columns.Boolean()
    changed_at = columns.BigInt()
    changed_by = columns.BigInt()


TABLES: Sequence[type[Model]] = (
    StreamEvent,
    StreamHead,
    Idempotency,
    Message,
    ThreadReply,
    MessageVersion,
    MessagePlace,
    ChannelBucket,
    ChannelNotice,
    ChannelPin,
)
