"""One trace: all that came of a webhook, a request or a job, on one page."""
