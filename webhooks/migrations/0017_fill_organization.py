"""Fill in the restaurant of the rows that were here before, while the hub goes on."""

from importlib import import_module

from django.db import migrations

from core.database.parent_keys import filled

KEYS = import_module("webhooks.migrations.0016_carry_organization").KEYS


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("webhooks", "0016_carry_organization")]

    operations = filled(*KEYS)
