"""Who may see what of the attention list: by the permission of each rule, and by restaurant."""

from attention.models.items import AttentionItem, AttentionItemQuerySet
from attention.rules.registry import RULES
from core.access import AnyUser, visible_to

VIEW = "attention.view_attentionitem"
ACT = "attention.act_on_attention"


def rules_for(user: AnyUser) -> tuple[str, ...]:
    """Name the rules whose findings a person may see; none for one who may not see the list."""
    if not user.has_perm(VIEW):
        return ()
    return tuple(rule.name for rule in RULES if user.has_perm(rule.permission))


def items_for(user: AnyUser) -> AttentionItemQuerySet:
    """Return the items that a person may see; those of no restaurant only where all of them are open."""
    return visible_to(user, AttentionItem.objects.filter(rule__in=rules_for(user)))
