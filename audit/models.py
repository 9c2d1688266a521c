"""Who did what: one row for each object that a request or a command of a person changed, or was not let."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy


class ActorKind(models.TextChoices):
    PERSON = "person", pgettext_lazy("audit", "person")
    KEY = "key", _("API key")
    COMMAND_LINE = "command_line", _("command line")
    HUB = "hub", _("the hub by itself")


class Door(models.TextChoices):
    ADMIN = "admin", pgettext_lazy("audit", "admin")
    CONSOLE = "console", pgettext_lazy("audit", "console")
    API = "api", _("API")
    COMMAND = "command", _("command line")
    BACKGROUND = "background", _("background")


class Outcome(models.TextChoices):
    DONE = "done", pgettext_lazy("outcome of an act", "done")
    UNCHANGED = "unchanged", pgettext_lazy("outcome of an act", "nothing changed")
    REFUSED = "refused", pgettext_lazy("outcome of an act", "refused")
    FAILED = "failed", pgettext_lazy("outcome of an act", "failed")


class AuditEntry(models.Model):
    """One act on one object. Written by ``audit.entries`` in the transaction of the change itself.

    It points to nothing by a foreign key: what it tells of may be deleted, and the entry stays as it is.
    ``before`` is null where the object was made by the act, ``after`` where it was deleted; both hold the
    fields that changed alone. What is secret or personal is ``***`` in them.
    """

    at = models.DateTimeField(_("when"))
    actor_kind = models.CharField(_("kind of actor"), max_length=20, choices=ActorKind)
    actor = models.CharField(_("who"), max_length=200)
    user_id = models.BigIntegerField(null=True)
    key_id = models.BigIntegerField(null=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(pgettext_lazy("audit", "program"), max_length=300, blank=True)
    door = models.CharField(_("by way of"), max_length=20, choices=Door)
    path = models.CharField(_("page or command"), max_length=300)
    request_id = models.UUIDField()
    """The hub's own number of a request or command, which no caller chooses: its entries share it."""
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    act = models.CharField(pgettext_lazy("audit", "act"), max_length=80)
    subject = models.CharField(max_length=300, blank=True)
    """``app.model:id`` of the object; empty where the act has none."""
    subject_text = models.CharField(pgettext_lazy("audit", "object"), max_length=200, blank=True)
    about = models.CharField(max_length=300, blank=True)
    """``app.model:id`` of what the page was about: the order of a command that was made."""
    organization_iiko_id = models.CharField(_("restaurant"), max_length=64, blank=True)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome)
    code = models.CharField(_("code"), max_length=100, blank=True)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "audit_entries"
        default_permissions = ("view",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["actor", "id"], name="audit_actor"),
            models.Index(fields=["subject", "id"], name="audit_subject"),
            models.Index(fields=["about", "id"], name="audit_about"),
            models.Index(fields=["organization_iiko_id", "id"], name="audit_organization"),
            models.Index(fields=["request_id"], name="audit_request"),
            models.Index("trace_id", name="audit_trace", condition=models.Q(trace_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.subject_text or self.path
