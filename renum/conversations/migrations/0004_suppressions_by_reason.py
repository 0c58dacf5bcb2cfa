"""Each reason bars an address on its own, so that taking one back leaves the others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0003_retention_and_lists")]

    operations = [
        migrations.RemoveConstraint(model_name="suppression", name="suppressions_address_unique"),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                fields=["client", "channel", "address_index", "reason"], name="suppressions_address_unique"
            ),
        ),
    ]
