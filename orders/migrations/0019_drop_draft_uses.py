from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0018_end_discounts_on_drafts")]

    operations = [
        migrations.AlterField(
            model_name="ordercommand",
            name="phase",
            field=models.CharField(
                blank=True,
                choices=[
                    ("read", "reading the order"),
                    ("create", "making the new order"),
                    ("cancel_old", "cancelling the old order"),
                    ("cancel_new", "taking the new order back"),
                ],
                max_length=20,
                verbose_name="phase",
            ),
        ),
        migrations.DeleteModel(name="DraftUse"),
    ]
