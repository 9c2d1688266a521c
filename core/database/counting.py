"""How far lists and overviews count rows: past it, counting would be slower than the page."""

COUNT_UP_TO = 10_000
