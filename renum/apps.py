from django.contrib.admin.apps import AdminConfig


class RenumAdminConfig(AdminConfig):
    """Makes our site the default one, so that other packages' admins register on it too."""

    default_site = "renum.admin_site.RenumAdminSite"

    def ready(self) -> None:
        super().ready()  # imports every app's admin, django_celery_beat's among them
        import renum.beat_admin  # noqa: F401
