#!/usr/bin/env python3
"""Run a management command of the hub; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import Error as DatabaseError

        from core.database.refusals import in_words
    except ImportError as error:
        raise SystemExit("Django is not installed here. Run `make install` first.") from error
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The sentence says what to change in the settings; the way there helps nobody.
        if "--traceback" in sys.argv:
            raise
        raise SystemExit(str(error)) from error
    except DatabaseError as error:
        if "--traceback" in sys.argv or not (words := in_words(error)):
            raise
        raise SystemExit(words) from error


if __name__ == "__main__":
    main()
