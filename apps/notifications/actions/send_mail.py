"""Letters about what was missed: one letter for many messages, and none about what was read meanwhile.

Rows are claimed by pushing `mail_at` into the future; a letter that could not be sent falls due again then. A worker
that dies after a letter left and before its rows are settled sends it once more: rare, and better than never.
"""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from apps.accounts import queries as accounts
from apps.accounts.locale import spoken_to
from apps.conversations import queries as conversations
from apps.core import background, clock
from apps.eventlog import streams
from apps.notifications import metrics, posts, queries, unsubscribe
from apps.notifications.models import Notification
from apps.presence import queries as presence
from apps.reads import queries as reads
from apps.workspaces import queries as workspaces

CLAIM_MS = 10 * 60_000
LETTERS_MAX = 200  # in one run
LINES_MAX = 20  # in one letter
ROWS_MAX = 500  # claimed for one letter
_TEXT_MAX = 300
_LOAD_S = 60.0


def due_letters() -> list[tuple[int, int]]:
    """(user id, workspace id) of whom a letter is due."""
    rows = Notification.objects.filter(mail_at__lte=clock.now_ms())
    return list(rows.order_by().values_list("user_id", "workspace_id").distinct()[:LETTERS_MAX])


def write_letter(*, user_id: int, workspace_id: int) -> bool:
    """Everything that is unread goes into it, also what is not due yet. Whether a letter left."""
    rows = _claim(user_id, workspace_id)
    ids = [row.pk for row in rows]
    unread = [row for row in rows if not _is_read(row)]
    user = accounts.users([user_id]).get(user_id)
    member = workspaces.people(workspace_id, [user_id])
    wanted = queries.wants_mail(workspace_id=workspace_id, user_id=user_id)
    if user is None or user.email is None or not user.is_active or not (unread and member and wanted):
        _settle(ids)
        return False
    if presence.states([user_id])[user_id].state == "online":
        # At the screen: they see their badges. Asked again when the claim runs out.
        _settle([row.pk for row in rows if row not in unread])
        return False
    with spoken_to(user):
        lines, more = _lines(unread)
        if lines:
            _send(user.email, user.name, workspace_id, user_id, lines, more)
    _settle(ids)
    return bool(lines)


def _claim(user_id: int, workspace_id: int) -> list[Notification]:
    with transaction.atomic():
        rows = list(
            Notification.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
            .filter(user_id=user_id, workspace_id=workspace_id, mail_at__isnull=False)
            .order_by("created_at", "id")[:ROWS_MAX]
        )
        if not any((row.mail_at or 0) <= clock.now_ms() for row in rows):
            return []  # another worker has them
        Notification.objects.filter(id__in=[row.pk for row in rows]).update(mail_at=clock.now_ms() + CLAIM_MS)
    return rows


def _is_read(row: Notification) -> bool:
    if row.thread_id is not None:
        read = reads.thread_read_up_to(thread_id=row.thread_id, user_ids=[row.user_id])
    else:
        read = reads.read_up_to(channel_id=row.channel_id, user_ids=[row.user_id])
    return read.get(row.user_id, 0) >= row.position


def _settle(row_ids: Sequence[int]) -> None:
    Notification.objects.filter(id__in=row_ids).update(mail_at=None)


def _lines(unread: Sequence[Notification]) -> tuple[list[dict[str, str]], int]:
    """The newest of them with who said what and where; of channels that the person is still in."""
    still = conversations.memberships({row.channel_id for row in unread}, unread[0].user_id)
    shown = [row for row in unread if row.channel_id in still]
    found = []
    for row in shown[-LINES_MAX:]:
        loaded = background.run(posts.load(streams.channel(row.channel_id), row.seq), timeout_s=_LOAD_S)
        post = None if loaded is None else posts.describe(*loaded)
        if post is None or post.deleted:
            continue
        sender = accounts.users([post.sender_id]).get(post.sender_id)
        found.append(
            {
                "sender": sender.name if sender is not None else _("Somebody"),
                "place": f"#{post.channel_name}" if post.channel_name else _("a direct message"),
                "text": post.plain if len(post.plain) <= _TEXT_MAX else post.plain[: _TEXT_MAX - 1] + "…",
                "url": f"{settings.PUBLIC_URL}{post.path}",
            }
        )
    return found, len(shown) - len(found)


def _send(address: str, name: str, workspace_id: int, user_id: int, lines: Sequence[dict[str, str]], more: int) -> None:
    wordless = bool(queries.content_free(workspace_id=workspace_id, user_ids=[user_id]))
    workspace = workspaces.workspace(workspace_id).name
    url = unsubscribe.url(user_id=user_id, workspace_id=workspace_id)
    count = len(lines) + more
    about = {
        "name": name,
        "workspace": workspace,
        "lines": [] if wordless else lines,
        "count": count,
        "more": more,
        "url": f"{settings.PUBLIC_URL}/w/{workspace_id}",
        "unsubscribe": url,
        "language": get_language(),
    }
    if count == 1 and not wordless:
        subject = _("{name} wrote to you in {workspace}").format(name=lines[0]["sender"], workspace=workspace)
    else:
        many = ngettext(
            "{count} unread message for you in {workspace}", "{count} unread messages for you in {workspace}", count
        )
        subject = many.format(count=count, workspace=workspace)
    letter = EmailMultiAlternatives(
        subject.replace("\n", " ").replace("\r", " "),
        render_to_string("mail/missed.txt", about),
        None,
        [address],
        headers={
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(render_to_string("mail/missed.html", about), "text/html")
    letter.send()
    metrics.MAILS.inc()
