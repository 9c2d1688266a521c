"""Step: a worker runs."""

from datetime import datetime, timedelta

from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from procrastinate.contrib.django.models import ProcrastinateWorker

from core.display import ago_text
from core.jobs.maintenance import SILENT_S
from iikohub.first_steps.step import Finding


class WorkerStep:
    key = "worker"
    title = gettext_lazy("Worker")

    def look(self, now: datetime) -> Finding:
        is_alive = Q(last_heartbeat__gte=now - timedelta(seconds=SILENT_S))
        seen = ProcrastinateWorker.objects.aggregate(
            last=Max("last_heartbeat"), alive=Count("pk", filter=is_alive)
        )
        last: datetime | None = seen["last"]
        if seen["alive"]:
            words = ngettext("%(count)d worker runs.", "%(count)d workers run.", seen["alive"])
            return Finding(is_done=True, sentence=words % {"count": seen["alive"]})
        sentence = _("No worker runs: events are kept, but not applied, and nothing is sent to iiko.")
        if last is not None:
            said = _("The last sign of life came %(ago)s.") % {"ago": ago_text(last, now)}
            sentence = f"{sentence} {said}"
        return Finding(
            is_done=False,
            sentence=sentence,
            advice=_("Start its service, and have it started with the machine (docs/install.md, step 2)."),
            command="systemctl enable --now iikohub-worker    # .venv/bin/python manage.py worker",
        )
