from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("hall", "0006_add_indexes_by_external_number_of_any_case")]

    operations = [
        migrations.RenameField("tableorder", "field_ranks", "field_precedence"),
        migrations.RenameField("reserve", "field_ranks", "field_precedence"),
    ]
