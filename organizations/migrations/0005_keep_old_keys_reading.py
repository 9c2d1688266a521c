from typing import Any

from django.db import migrations


def keep_reading(apps: Any, _schema_editor: Any) -> None:
    """Keys made before there was anything to act on were given out for reading."""
    apps.get_model("organizations", "ApiKey").objects.update(may_act=False)


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0004_add_api_uses"),
    ]

    operations = [migrations.RunPython(keep_reading, migrations.RunPython.noop)]
