from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0005_add_cancelled_operations")]

    operations = [
        migrations.RenameField("loyaltyoperation", "proof", "confirmed_by"),
        migrations.RenameField("loyaltyoperation", "looks", "poll_count"),
        migrations.RenameField("loyaltyoperation", "held_until", "next_attempt_at"),
        migrations.RenameField("loyaltyoperation", "anchor", "baseline_revision"),
    ]
