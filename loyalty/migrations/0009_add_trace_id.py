from django.db import migrations, models


class Migration(migrations.Migration):
    """An operation belongs to the trace of its request."""

    dependencies = [("loyalty", "0008_let_who_acts_see_guests")]

    operations = [
        migrations.AddField(
            "loyaltyoperation", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
    ]
