from django.contrib.admin.apps import AdminConfig


class RenumAdminConfig(AdminConfig):
    """Makes our site the default one, so that other packages' admins register on it too."""

    default_site = "renum.admin_site.RenumAdminSite"
