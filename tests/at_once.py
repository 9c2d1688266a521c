"""Doing something in many threads that start together, each with a connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

AT_ONCE = 8


def at_once(do: Callable[[int], Any], times: int = AT_ONCE) -> list[Any]:
    """Call ``do`` with the number of each thread; returns what each call did."""
    start, results = threading.Barrier(times), [None] * times

    def run(number: int) -> None:
        start.wait(10)
        try:
            results[number] = do(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
