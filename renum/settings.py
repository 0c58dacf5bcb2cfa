"""Django settings. What differs between machines comes from `renum.environment`."""

import gc
import os
from datetime import timedelta
from typing import Any

import dj_database_url
import django_stubs_ext

from renum.environment import BASE_DIR, listed, read_environment
from renum.logging import configure_logging

# What is imported stays. The collector would walk it after each 700 new objects, Python's own measure, and so
# often while a process starts that it takes a sixth longer.
gc.set_threshold(50_000)

django_stubs_ext.monkeypatch()  # lets annotations such as ModelForm[Trigger] run

ENVIRONMENT = read_environment()

DEBUG = False
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value() or "development-only-" + "x" * 40
ALLOWED_HOSTS = listed(ENVIRONMENT.allowed_hosts)
ROOT_URLCONF = "renum.urls"
WSGI_APPLICATION = "renum.wsgi.application"
AUTH_USER_MODEL = "accounts.Profile"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # its default would replace our admin site
    "unfold.contrib.filters",
    "renum.accounts",  # before Django's: its `migrate` command prepares roles first
    "renum.apps.RenumAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "renum.security",
    "renum.events",
    "renum.conversations",
    "renum.stack",
    "integrations",
    "triggers",
    "agent_tools",
    "webhooks",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database -----------------------------------------------------------------------------------
# Two roles: the owner migrates, the runtime role is walled off by row-level security. A runtime
# login that also owns the tables drops to `renum_app` at the start of each connection.
DATABASE_ROLE = os.environ.get("RENUM_DATABASE_ROLE", "app")
RUNTIME_ROLE = "renum_app"
SERVICE_ROLE = "renum_service"  # of a transaction that may see every client's rows


def _database() -> dict[str, Any]:
    if DATABASE_ROLE == "owner":
        url = ENVIRONMENT.database_owner_url or ENVIRONMENT.database_url
    else:
        url = ENVIRONMENT.database_url
    config: dict[str, Any] = dict(dj_database_url.parse(url or "postgresql://unset@/renum"))
    options = config.setdefault("OPTIONS", {})
    options["connect_timeout"] = 5
    if DATABASE_ROLE != "owner":
        options["options"] = f"-c role={RUNTIME_ROLE}"
    config["ATOMIC_REQUESTS"] = True
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    return config


DATABASES = {"default": _database()}

# --- Redis: wake-ups and caches only -------------------------------------------------------------
REDIS_URL = ENVIRONMENT.redis_url or "redis://127.0.0.1:6379/0"
REDIS_OPTIONS: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 1}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": REDIS_OPTIONS,
        "KEY_PREFIX": "renum",
    }
}

# --- Celery --------------------------------------------------------------------------------------
CELERY_BROKER_URL = ENVIRONMENT.celery_broker_url or REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "normal"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_PUBLISH_RETRY = False  # a lost wake-up is made good by the sweep
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True  # they are idempotent
CELERY_WORKER_MAX_TASKS_PER_CHILD = 10_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- API -----------------------------------------------------------------------------------------
MAX_BODY_BYTES = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
APPEND_SLASH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["renum.accounts.authentication.ScopedJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["renum.api.parsers.CappedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "renum.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "renum.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
}

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ALGORITHM": ENVIRONMENT.jwt_algorithm,
    "SIGNING_KEY": SECRET_KEY,
    "USER_ID_CLAIM": "sub",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "RENUM integrations",
    "DESCRIPTION": "WhatsApp, conversations and triggers of a company's agents.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",  # providers' settings are described by JSON Schema as it is
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Channel": "renum.conversations.models.Channel",
        "ContactAliasKind": "renum.conversations.models.ContactAlias.Kind",
        "ConversationStatus": "renum.conversations.models.Conversation.Status",
        "IntegrationStatus": "integrations.models.Integration.Status",
        "DeliveryState": "integrations.models.OutboundMessage.State",
        "AttemptOutcome": "integrations.models.DeliveryAttempt.Outcome",
        "MessageState": "renum.conversations.models.Message.State",
        "OutboundKind": "integrations.models.OutboundMessage.Kind",
        "ExecutionState": "triggers.models.TriggerExecution.State",
        "AgentRunState": "agent_tools.models.AgentRun.State",
        "AgentStepKind": "agent_tools.models.AgentStep.Kind",
    },
}

# --- Security ------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["renum.accounts.authentication.ScopedModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.production
SECURE_SSL_REDIRECT = ENVIRONMENT.production
SECURE_REDIRECT_EXEMPT = [r"^(health|metrics)$"]
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT.production else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.production else None
SECURE_CONTENT_TYPE_NOSNIFF = True

# --- Language, time, files -----------------------------------------------------------------------
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português (Brasil)")]
LOCALE_PATHS = [BASE_DIR / "renum" / "locale"]  # what other packages do not say in Portuguese
TIME_ZONE = "UTC"  # what the API shows
CONSOLE_TIME_ZONE = "America/Sao_Paulo"  # what staff see
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if ENVIRONMENT.production else None  # else: from the packages
WHITENOISE_USE_FINDERS = not ENVIRONMENT.production

UNFOLD = {
    "SITE_TITLE": "RENUM",
    "SITE_HEADER": "RENUM",
    "SITE_SUBHEADER": "Console de suporte",
    "SHOW_HISTORY": True,
}

LOGGING_CONFIG = None
configure_logging(ENVIRONMENT.log_level)
