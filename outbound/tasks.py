"""What a worker does for outbound webhooks later."""

from datetime import datetime

from procrastinate.contrib.django import app

from core.jobs.scheduling import BACKGROUND
from outbound.redelivery import Redelivery, send_again


@app.task(name="outbound.send_again", queue=BACKGROUND)
def send_again_later(subscription_id: int, since: str, asked_at: str, only_failed: bool, after: int) -> None:
    """Go on with what was asked for; each batch queues the next."""
    moments = datetime.fromisoformat(since), datetime.fromisoformat(asked_at)
    send_again(Redelivery(subscription_id, *moments, only_failed), after=after)
