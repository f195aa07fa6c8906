from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_language"),
    ]

    operations = [
        # Whoever is here already knows the way around.
        migrations.AddField(
            model_name="user",
            name="toured",
            field=models.BooleanField(default=True),
        ),
        migrations.AlterField(
            model_name="user",
            name="toured",
            field=models.BooleanField(default=False),
        ),
    ]
