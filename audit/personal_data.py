"""What the audit log holds of people: who acted, from where. Guests are masked when it is written."""

from core.privacy.registry import Kind, declare, of_user

_WHERE = of_user(Kind.NETWORK)

declare(
    "audit.AuditEntry",
    {"actor": of_user(Kind.NAME), "address": _WHERE, "user_agent": _WHERE},
    harmless={
        "kinds and codes": "actor_kind door path act outcome code",
        "rows by number": "subject about organization_iiko_id",
        "guests and secrets are masked in them": "subject_text before after",
    },
)
