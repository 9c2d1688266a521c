"""Channels by which people are told of what needs them, and what was sent, or is to be.

A notification is written down before it is sent, once for each cause: an item, and the number of its repeat
(``attention.notifications.plan``). Sent by ``attention.notifications.send`` alone.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from attention.models.items import AttentionItem, Severity
from organizations.fields import EncryptedTextField, StampField
from organizations.models.organization import Organization


class Language(models.TextChoices):
    RUSSIAN = "ru", _("Russian")
    ENGLISH = "en", _("English")


class Channel(models.Model):
    """Where notifications go, and which; set by an administrator, its last lines by the sender.

    ``address`` is an URL of apprise with its secrets: shown to nobody, kept out of logs and errors.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    address = EncryptedTextField(_("address"))
    service = models.CharField(max_length=200, editable=False)
    shown_address = models.CharField(max_length=300, editable=False)
    """What is no secret of the address: the name of its service, and its schema with the server."""
    rules = models.JSONField(_("rules"), default=list, blank=True)
    """Names of rules; empty: all of them."""
    restaurants = models.ManyToManyField(
        Organization,
        blank=True,
        related_name="notification_channels",
        verbose_name=_("restaurants"),
        db_table="notification_channels_restaurants",
    )
    """Empty: all of them, and what is about the hub itself."""
    least_severity = models.PositiveSmallIntegerField(
        _("from which severity on"), choices=Severity, default=Severity.WARNING
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    critical_breaks_quiet = models.BooleanField(_("critical ones come in quiet hours too"), default=True)
    most_per_hour = models.PositiveSmallIntegerField(
        _("at most in an hour"), default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    repeat_minutes = models.PositiveSmallIntegerField(
        _("repeat every … minutes until taken"), default=0, validators=[MaxValueValidator(24 * 60)]
    )
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.RUSSIAN)
    allows_personal_data = models.BooleanField(_("with names and phones of guests"), default=False)
    active_since = models.DateTimeField(editable=False)
    """What was found before is not told: a new channel does not begin with old news."""
    created_at = StampField(_("created"), auto_now_add=True)
    changed_at = StampField(_("changed"), auto_now=True)
    # --- written by the sender
    tried_at = models.DateTimeField(_("test arrived"), null=True, editable=False)
    last_sent_at = models.DateTimeField(_("last sent"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=40, blank=True, editable=False)
    """A code of ``attention.notifications.errors``; empty since something arrived."""
    failing_since = models.DateTimeField(_("not sent since"), null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    """A worker sends here until then; later it counts as dead."""

    class Meta:
        db_table = "notification_channels"
        ordering = ("name", "id")
        verbose_name = _("notification channel")
        verbose_name_plural = _("notification channels")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notification_channels_quiet_from_and_until",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def is_quiet_at(self, local: time) -> bool:
        """Tell whether a clock that shows ``local`` is in the quiet hours, which may go over midnight."""
        if self.quiet_from is None or self.quiet_until is None:
            return False
        if self.quiet_from < self.quiet_until:
            return self.quiet_from <= local < self.quiet_until
        return local >= self.quiet_from or local < self.quiet_until


class Kind(models.TextChoices):
    NEW = "new", pgettext_lazy("notification", "new")
    REPEAT = "repeat", pgettext_lazy("notification", "repeat")
    DIGEST = "digest", pgettext_lazy("notification", "digest")
    TEST = "test", pgettext_lazy("notification", "test")


class SendState(models.TextChoices):
    HELD = "held", pgettext_lazy("notification", "waits for a digest")
    PENDING = "pending", pgettext_lazy("notification", "to be sent")
    SENDING = "sending", pgettext_lazy("notification", "being sent")
    SENT = "sent", pgettext_lazy("notification", "sent")
    DROPPED = "dropped", pgettext_lazy("notification", "not needed any more")
    FAILED = "failed", pgettext_lazy("notification", "not sent")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unfinished(self) -> NotificationQuerySet:
        return self.filter(state__in=(SendState.HELD, SendState.PENDING, SendState.SENDING))

    def due(self, now: datetime) -> NotificationQuerySet:
        """Which a sender takes: the time has come, or the worker that sent it died."""
        is_due = Q(state=SendState.PENDING, next_attempt_at__lte=now) | Q(state=SendState.SENDING)
        return self.filter(is_due, digest__isnull=True)

    def messages_since(self, moment: datetime) -> NotificationQuerySet:
        """Keep those that count against the limit of an hour."""
        counted = self.filter(queued_at__gt=moment, digest__isnull=True)
        return counted.exclude(kind=Kind.TEST).exclude(state=SendState.DROPPED)


class Notification(models.Model):
    """One message of a channel, or the part of an item in a digest (``digest``).

    ``item`` and ``number`` are its cause: 0 is the first message of an item, 1 its first repeat. The id is
    told to receivers with every attempt, so that one that takes a message twice can tell.
    """

    channel = models.ForeignKey(
        Channel, models.CASCADE, related_name="notifications", verbose_name=_("channel"), db_index=False
    )
    item = models.ForeignKey(
        AttentionItem,
        models.CASCADE,
        null=True,
        related_name="notifications",
        verbose_name=_("attention item"),
    )
    number = models.PositiveIntegerField(default=0)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    digest = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="parts", verbose_name=Kind.DIGEST.label
    )
    state = models.CharField(_("state"), max_length=8, choices=SendState)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    may_be_repeat = models.BooleanField(_("may have arrived twice"), default=False)
    """A worker died while it was sent, so it was sent again."""
    planned_at = models.DateTimeField(_("planned"))
    queued_at = models.DateTimeField(null=True)
    """When it became to be sent: counted against the limit of an hour, and until when it is tried."""
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.CharField(_("error"), max_length=40, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        db_table = "notifications"
        ordering = ("-id",)
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=("channel", "item", "number"),
                condition=Q(item__isnull=False),
                name="notifications_once_per_cause",
            )
        ]
        indexes = [
            models.Index("channel", "id", name="notifications_channel"),
            models.Index("channel", "queued_at", name="notifications_queued"),
            models.Index("channel", "planned_at", name="notifications_planned"),
            models.Index(
                "channel",
                "id",
                name="notifications_unfinished",
                condition=Q(state__in=("held", "pending", "sending")),
            ),
            models.Index("finished_at", name="notifications_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def end(self, state: SendState, *, now: datetime, error: str = "") -> None:
        """End it, and with a digest its parts."""
        self.state, self.error, self.finished_at, self.next_attempt_at = state, error, now, None
        self.sent_at = now if state == SendState.SENT else None
        self.save(update_fields=["state", "error", "finished_at", "next_attempt_at", "sent_at"])
        if self.kind == Kind.DIGEST:
            parts = Notification.objects.filter(digest=self).unfinished()
            parts.update(state=state, error=error, finished_at=now, sent_at=self.sent_at)


LIMITED_OVER = timedelta(hours=1)
"""Over how long ``Channel.most_per_hour`` counts, back from now."""
