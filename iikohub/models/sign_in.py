"""What signing in needs beside Django's users: the second step, who has to take it, and ended sessions."""

from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from organizations.fields import EncryptedTextField

FREE_TRIES = 4
"""Wrong codes in a row that make nobody wait."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


class SecondFactor(models.Model):
    """The authenticator app of a person. Written by ``iikohub.sign_in.second_factor``.

    It asks for nothing until it is confirmed by a first code. A new app is a new row, so that sessions which
    passed the former one have to pass again.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="second_factor", verbose_name=_("user"))
    secret = EncryptedTextField(_("secret"))
    """Shared with the app, in base32."""
    confirmed_at = models.DateTimeField(_("on since"), null=True)
    last_step = models.BigIntegerField(default=0)
    """The step of time (30 s) of the last code taken: neither it nor an earlier one is taken again."""
    recovery_digests = ArrayField(
        models.CharField(max_length=64), default=list, verbose_name=_("recovery codes")
    )
    """SHA-256 of each code that is left."""
    wrong_codes = models.PositiveIntegerField(default=0)
    """In a row."""
    wrong_code_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "second_factors"
        verbose_name = verbose_name_plural = _("two-step sign-in")

    def __str__(self) -> str:
        return self.user.get_username()

    @property
    def waits_until(self) -> datetime | None:
        """Return until when no code is looked at; None: codes are."""
        if self.wrong_code_at is None or self.wrong_codes <= FREE_TRIES:
            return None
        wait: timedelta = FIRST_WAIT * 2 ** min(self.wrong_codes - FREE_TRIES - 1, 10)
        return self.wrong_code_at + min(wait, LONGEST_WAIT)


class TwoStepGroup(models.Model):
    """A group whose people have to sign in by two steps: there is a row, or there is none."""

    group = models.OneToOneField(
        Group,
        models.CASCADE,
        primary_key=True,
        related_name="two_steps",
        verbose_name=pgettext_lazy("audit", "group"),
    )

    class Meta:
        db_table = "two_step_groups"
        verbose_name = verbose_name_plural = _("two-step sign-in")

    def __str__(self) -> str:
        return self.group.name


class SignOut(models.Model):
    """When somebody was signed out everywhere; sessions that began before it are over."""

    user = models.OneToOneField(
        User, models.CASCADE, primary_key=True, related_name="sign_out", verbose_name=_("user")
    )
    at = models.DateTimeField(_("when"))

    class Meta:
        db_table = "sign_outs"
        verbose_name = _("sign-out everywhere")
        verbose_name_plural = _("sign-outs")

    def __str__(self) -> str:
        return self.user.get_username()
