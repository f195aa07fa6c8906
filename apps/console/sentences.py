"""The audit log in words: each action's line, said of its actor."""

from collections.abc import Callable, Mapping
from typing import Any

Detail = Mapping[str, Any]
Say = Callable[[Detail, str], str]


def _quoted(detail: Detail, key: str) -> str:
    return f"“{detail.get(key, '?')}”"


def _scopes(detail: Detail) -> str:
    scopes = detail.get("scopes")
    return ", ".join(map(str, scopes)) if isinstance(scopes, list) else "?"


def _invited(detail: Detail, _: str) -> str:
    role = detail.get("role", "?")
    if email := detail.get("email"):
        return f"invited {email} as {role}"
    uses = detail.get("max_uses", "?")
    return f"made an invitation link for the role {role}, good for {uses} {'use' if uses == 1 else 'uses'}"


def _channel(detail: Detail, key: str = "name") -> str:
    return f"#{detail[key]}" if detail.get(key) else "a private channel"


def _renamed(detail: Detail, _: str) -> str:
    return f"renamed {_channel(detail, 'old')}" + (f" to {_channel(detail)}" if detail.get("name") else "")


def _added(detail: Detail, _: str) -> str:
    count = detail.get("count", "?")
    return f"added {count} {'person' if count == 1 else 'people'} to {_channel(detail)}"


# action -> what is said after the actor's name, from the entry's detail and its target's name
SENTENCES: Mapping[str, Say] = {
    "workspace.created": lambda detail, _: f"created the workspace {_quoted(detail, 'name')}",
    "workspace.renamed": lambda detail, _: (
        f"renamed the workspace from {_quoted(detail, 'old')} to {_quoted(detail, 'new')}"
    ),
    "workspace.policies_changed": lambda detail, _: (
        "changed who may add what: "
        + ", ".join(
            f"{ {'emoji_by': 'emoji', 'groups_by': 'groups'}.get(key, key) } by {who}"
            for key, who in sorted(detail.items())
        )
    ),
    "emoji.added": lambda _, target: f"added the emoji {target}",
    "emoji.removed": lambda _, target: f"removed the emoji {target}",
    "group.created": lambda _, target: f"made the group {target}",
    "group.changed": lambda _, target: f"changed the group {target}",
    "member.joined": lambda detail, _: f"joined by invitation as {detail.get('role', '?')}",
    "member.role_changed": lambda detail, target: (
        f"changed the role of {target} from {detail.get('old', '?')} to {detail.get('new', '?')}"
    ),
    "member.handle_changed": lambda detail, target: (
        f"changed the handle of {target} from @{detail.get('old', '?')} to @{detail.get('new', '?')}"
    ),
    "member.deactivated": lambda _, target: f"deactivated {target}",
    "member.reactivated": lambda _, target: f"reactivated {target}",
    "invitation.created": _invited,
    "invitation.revoked": lambda _detail, _target: "revoked an invitation",
    "bot.created": lambda detail, target: f"created the bot {target} with {_scopes(detail)}",
    "bot.token_issued": lambda detail, target: (
        f"issued the token {_quoted(detail, 'name')} ({detail.get('token', '?')}…) of {target} with {_scopes(detail)}"
    ),
    "bot.token_revoked": lambda detail, target: (
        f"revoked the token {_quoted(detail, 'name')} ({detail.get('token', '?')}…) of {target}"
    ),
    "bot.removed": lambda _, target: f"removed the bot {target}",
    "channel.created": lambda detail, _: f"created {_channel(detail)}",
    "channel.renamed": _renamed,
    "channel.archived": lambda detail, _: f"archived {_channel(detail)}",
    "channel.unarchived": lambda detail, _: f"brought {_channel(detail)} back",
    "channel.members_added": _added,
    "channel.member_removed": lambda detail, target: f"removed {target} from {_channel(detail)}",
}


def sentence(action: str, detail: Detail, *, target: str) -> str:
    """Actions that nobody wrote a line for are named as they are."""
    say = SENTENCES.get(action)
    if say is not None:
        return say(detail, target)
    return f"{action} {target}".strip()
