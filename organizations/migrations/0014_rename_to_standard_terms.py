from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("organizations", "0013_add_clock_skews")]

    operations = [
        migrations.RenameField("stoplistreading", "held_until", "lease_until"),
        migrations.RenameField("iikopause", "lane", "restriction_group"),
    ]
