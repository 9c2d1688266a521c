from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("organizations", "0018_name_command_of_calls")]

    operations = [
        AddIndexConcurrently(
            "apicall",
            models.Index(
                "command_id", "id", condition=Q(command_id__isnull=False), name="iiko_api_calls_command"
            ),
        )
    ]
