"""How many examples hypothesis tries where each costs a request or more."""

import os


def examples(steady: int, *, search: int = 500) -> int:
    """``steady`` of them in every run; ``HYPOTHESIS_PROFILE=search`` looks for new ones."""
    return search if os.environ.get("HYPOTHESIS_PROFILE") == "search" else steady
