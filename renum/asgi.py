"""For servers that speak ASGI only; production uses `renum.wsgi` (docs/adr/0003)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "renum.settings")

application = get_asgi_application()
