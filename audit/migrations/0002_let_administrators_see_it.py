from django.db import migrations

GROUP = "Administrator"


def let_administrators(apps, schema_editor):
    """Whoever sets the hub up sees who did what; a group that is gone stays so."""
    database = schema_editor.connection.alias
    # Permissions are made after the last migration, so here it may have to be made first.
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name=GROUP):
        kind, _ = kinds.get_or_create(app_label="audit", model="auditentry")
        permission, _ = permissions.get_or_create(
            content_type=kind, codename="view_auditentry", defaults={"name": "Can view audit entry"}
        )
        group.permissions.add(permission)


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    mine = apps.get_model("auth", "Permission").objects.using(database)
    mine = mine.filter(content_type__app_label="audit", codename="view_auditentry")
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name=GROUP):
        group.permissions.remove(*mine)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_create_audit_log"),
        ("orders", "0003_create_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(let_administrators, take_back)]
