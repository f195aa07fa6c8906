"""What people do with messages, one verb a file."""

from apps.messaging.actions.add_reaction import add_reaction
from apps.messaging.actions.delete_message import delete_message
from apps.messaging.actions.edit_message import edit_message
from apps.messaging.actions.follow_thread import follow_thread, unfollow_thread
from apps.messaging.actions.pinning import pin_message, unpin_message
from apps.messaging.actions.post_message import Posted, post_message
from apps.messaging.actions.remove_reaction import remove_reaction

__all__ = [
    "Posted",
    "add_reaction",
    "delete_message",
    "edit_message",
    "follow_thread",
    "pin_message",
    "post_message",
    "remove_reaction",
    "unfollow_thread",
    "unpin_message",
]
