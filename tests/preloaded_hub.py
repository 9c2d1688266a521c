"""Import what the hub's management commands import; for ``tests.preloaded``."""

import os

import django
from django.core import management
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
django.setup()
assert get_resolver().url_patterns
for _name in ("migrate", "shell", "worker", "sync_dictionaries", "sync_orders"):
    management.load_command_class(management.get_commands()[_name], _name)
