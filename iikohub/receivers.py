"""Who is given something to do here may sign in to do it, whoever gave it and by whichever door."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.db.models.signals import m2m_changed
from django.dispatch import receiver


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
def make_staff(instance: Model, action: str, *, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Make a person staff who is put into a group, or given a right: by a form, a command or the shell."""
    if action != "post_add" or not pk_set:
        return
    User.objects.filter(pk__in=pk_set if reverse else [instance.pk], is_staff=False).update(is_staff=True)
    if isinstance(instance, User):
        instance.is_staff = True
