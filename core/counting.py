"""How far lists count their rows: past it, counting would be slower than the list."""

COUNT_UP_TO = 10_000
