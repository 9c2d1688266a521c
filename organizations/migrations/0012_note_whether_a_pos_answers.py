from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0011_add_usual_payment_types")]

    operations = [
        migrations.AddField(
            "terminalgroup", "alive_asked_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(
            "terminalgroup",
            "alive_told_at",
            models.DateTimeField(editable=False, null=True, verbose_name="asked whether it answers"),
        ),
        migrations.AddField(
            "terminalgroup",
            "not_answering_since",
            models.DateTimeField(editable=False, null=True, verbose_name="does not answer since"),
        ),
    ]
