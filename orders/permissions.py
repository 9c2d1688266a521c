"""Who may request what: Django's permissions behind each kind of command."""

from core.access import AnyUser
from core.privacy.rights import sees_guests
from orders.actions.registry import ACTIONS, action_of
from orders.models.command import CommandKind

EXPORT = "orders.export_order"

PERMISSIONS: dict[CommandKind, str] = {action.kind: action.permission for action in ACTIONS}


def finds_people(user: AnyUser) -> bool:
    """Whether a search may find orders by their guests: no more than what the pages show."""
    return bool(user.has_perm("orders.view_order") and sees_guests(user))


def may_request(user: AnyUser, kind: str) -> bool:
    """Whether a person who sees orders may request this kind; ``kind`` as stored."""
    return bool(user.has_perm("orders.view_order") and user.has_perm(action_of(kind).permission))


def may_request_any(user: AnyUser) -> bool:
    """Whether a person may request anything at all, and so may acknowledge a refusal."""
    return any(may_request(user, kind) for kind in PERMISSIONS)


def sees_commands(user: AnyUser) -> bool:
    """Whether a person sees commands: whoever may request one sees its outcome."""
    needed = ("orders.view_ordercommand", *PERMISSIONS.values())
    return any(user.has_perm(permission) for permission in needed)
