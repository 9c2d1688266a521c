from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0011_name_links_without_registration")]

    operations = [
        # The index follows its column; Django's picture of it has to be told.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveIndex("webhookevent", "webhook_events_due")]
        ),
        migrations.RenameField("webhookevent", "lane", "partition"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "webhookevent",
                    models.Index(
                        "partition",
                        "due_at",
                        "id",
                        name="webhook_events_due",
                        condition=models.Q(status__in=("pending", "failed")),
                    ),
                )
            ]
        ),
    ]
