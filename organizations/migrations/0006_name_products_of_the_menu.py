from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_keep_old_keys_reading")]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="menu_revision",
            field=models.BigIntegerField(default=0, editable=False, verbose_name="revision of the menu"),
        ),
        migrations.AlterField(
            model_name="dictionaryentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("cancel_cause", "cancel cause"),
                    ("removal_type", "removal type"),
                    ("payment_type", "payment type"),
                    ("discount", "discount or surcharge"),
                    ("order_type", "order type"),
                    ("product", "product"),
                    ("size", "size of a product"),
                ],
                max_length=20,
                verbose_name="dictionary",
            ),
        ),
    ]
