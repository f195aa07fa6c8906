"""Settings. Everything that differs between places comes from the environment; docs/operations.md lists it all."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE

from slackclone import keys

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str, *, default: bool) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


# -- profile ------------------------------------------------------------------------------------------------------
PROFILE = os.environ.get("PROFILE", "embedded")
if PROFILE not in {"embedded", "cluster"}:
    msg = f"PROFILE is {PROFILE!r}; it is embedded or cluster"
    raise SystemExit(msg)
EMBEDDED = PROFILE == "embedded"
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "var")).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8000"))
DEBUG = False
DEMO = _flag("DEMO", default=False)

# -- secrets: made in DATA_DIR when embedded, from the environment in a cluster --------------------------------------
_secrets = keys.load(DATA_DIR, embedded=EMBEDDED)
SECRET_KEY = _secrets.django
MASTER_KEYS = _secrets.master  # "1:BASE64,2:BASE64", the largest id wraps
JWT_KEYS = _secrets.jwt  # "KID:BASE64,…", the last one signs

# -- where we are reached -------------------------------------------------------------------------------------------
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
SECURE = _public.scheme == "https"
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", f"{_public.hostname},localhost,127.0.0.1,[::1]")
ALLOWED_ORIGINS = _list("ALLOWED_ORIGINS", f"{PUBLIC_URL},http://localhost:{PORT},http://127.0.0.1:{PORT}")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
CSRF_COOKIE_HTTPONLY = False  # the web client sends it back as X-CSRFToken
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "apps.web.views.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUST_PROXY = _flag("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None

# -- backends, each chosen by a URL ---------------------------------------------------------------------------------
LOG_URL = os.environ.get("LOG_URL", f"sqlite:///{DATA_DIR / 'log.sqlite3'}" if EMBEDDED else "kafka://127.0.0.1:19092")
LOG_BACKENDS = {
    "sqlite": "apps.eventlog.backends.log_sqlite.SqliteLog",
    "kafka": "apps.eventlog.backends.log_kafka.KafkaLog",
}
LOG_TOPIC = os.environ.get("LOG_TOPIC", "slackclone.events")
LOG_PARTITIONS = int(os.environ.get("LOG_PARTITIONS", "4" if EMBEDDED else "16"))
LOG_REPLICATION = int(os.environ.get("LOG_REPLICATION", "1"))
LOG_APPEND_DEADLINE_S = float(os.environ.get("LOG_APPEND_DEADLINE_S", "5"))
LOG_QUEUE_MAX = 20_000
LOG_RETENTION_MS = int(os.environ.get("LOG_RETENTION_MS", "-1"))  # of a new Kafka topic; -1: for ever
LOG_SESSION_TIMEOUT_MS = int(
    os.environ.get("LOG_SESSION_TIMEOUT_MS", "6000")
)  # a silent Kafka reader is replaced after it
LOG_EPOCH = int(os.environ.get("LOG_EPOCH", "0"))  # raise by one when the log begins anew and the store is kept

STORE_URL = os.environ.get(
    "STORE_URL",
    f"sqlite:///{DATA_DIR / 'store.sqlite3'}" if EMBEDDED else "cassandra://127.0.0.1:19042/slackclone",
)
STORE_BACKENDS = {
    "sqlite": "apps.messaging.backends.store_sqlite.SqliteStore",
    "cassandra": "apps.messaging.backends.store_cassandra.CassandraStore",
}
STORE_BUCKET_ROWS = int(os.environ.get("STORE_BUCKET_ROWS", "100000"))  # then an overflow part begins
STORE_REPLICATION = os.environ.get("STORE_REPLICATION", "1")  # or "dc1:3,dc2:3"
STORE_DEADLINE_S = float(os.environ.get("STORE_DEADLINE_S", "5"))

MESSAGE_SERVICE_URL = os.environ.get("MESSAGE_SERVICE_URL", "")  # or grpc://host:port,host:port; empty: in this process
MESSAGE_SERVICE_BACKENDS = {
    "": "apps.messaging.backends.service_local.LocalMessageService",
    "grpc": "apps.messaging.backends.service_grpc.GrpcMessageService",
}
METRICS_HOST = os.environ.get("METRICS_HOST", "127.0.0.1")
METRICS_PORT = int(os.environ.get("METRICS_PORT", "0"))  # 0: not served
GRPC_HOST = os.environ.get("GRPC_HOST", HOST)
GRPC_PORT = int(os.environ.get("GRPC_PORT", "0" if EMBEDDED else "50051"))  # embedded: served only where one is given
METRICS_HOST = os.environ.get("METRICS_HOST", "127.0.0.1")
METRICS_PORT = int(os.environ.get("METRICS_PORT", "0"))  # 0: not served
GRPC_TLS_CERT = os.environ.get("GRPC_TLS_CERT", "")  # PEM files; both ends show theirs
GRPC_TLS_KEY = os.environ.get("GRPC_TLS_KEY", "")
GRPC_TLS_CA = os.environ.get("GRPC_TLS_CA", "")

REDIS_URL = os.environ.get("REDIS_URL", "" if EMBEDDED else "redis://127.0.0.1:16379/0")
BROADCAST_BACKEND = "apps.eventlog.backends.broadcast_layer.LayerBroadcast"
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "apps.eventlog.backends.layer_redis.BatchingLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": "layer"},
        }
        if REDIS_URL
        else {"BACKEND": "apps.eventlog.backends.layer_memory.MemoryLayer", "CONFIG": {"capacity": 10_000}}
    )
}
MEMBERSHIP_CACHE = (
    "apps.conversations.backends.members_redis.RedisMembers"
    if REDIS_URL
    else "apps.conversations.backends.members_memory.MemoryMembers"
)
FACTS = "apps.core.backends.facts_redis.RedisFacts" if REDIS_URL else "apps.core.backends.facts_memory.MemoryFacts"
TAIL = (
    "apps.eventlog.backends.tail_redis.RedisTail" if REDIS_URL else "apps.eventlog.backends.tail_none.NoTail"
)  # the newest events of each stream, for sessions that resume
GATEWAYS = (
    "apps.gateway.backends.gateways_redis.RedisGateways"
    if REDIS_URL
    else "apps.gateway.backends.gateways_memory.MemoryGateways"
)
ACKS = (
    "apps.notifications.backends.acks_redis.RedisAcks"
    if REDIS_URL
    else "apps.notifications.backends.acks_memory.MemoryAcks"
)
PRESENCE = (
    "apps.presence.backends.presence_redis.RedisPresence"
    if REDIS_URL
    else "apps.presence.backends.presence_memory.MemoryPresence"
)
MARKER_LISTENERS = ["apps.notifications.taking_back.moved"]
GATEWAY_ID = os.environ.get("GATEWAY_ID", "")  # empty: host name and process id
GATEWAY_URL = os.environ.get(
    "GATEWAY_URL", f"{PUBLIC_URL.replace('http', 'ws', 1)}/v1/socket"
)  # how clients reach this one
RATE_LIMITER = (
    "apps.core.backends.ratelimit_redis.RedisLimiter"
    if REDIS_URL
    else "apps.core.backends.ratelimit_memory.MemoryLimiter"
)

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get(
            "DATABASE_URL",
            f"sqlite:///{DATA_DIR / 'main.sqlite3'}"
            if EMBEDDED
            else "postgres://slackclone@127.0.0.1:15432/slackclone",
        )
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Opening a file anew for every request costs more than most requests; PostgreSQL has its pool.
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
    }
    # A file in tests as well: connections to one in memory share a cache, whose locks nobody waits for.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
else:
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}}
if STORE_URL.startswith("cassandra:"):
    _cassandra = urlsplit(STORE_URL)
    DATABASES["cassandra"] = {
        "ENGINE": "django_cassandra_engine",
        "NAME": _cassandra.path.strip("/") or "slackclone",
        "HOST": ",".join(part.rsplit(":", 1)[0] for part in _cassandra.netloc.rsplit("@", 1)[-1].split(",")),
        "OPTIONS": {
            "replication": {"strategy_class": "SimpleStrategy", "replication_factor": 1},
            "connection": {"port": _cassandra.port or 9042, "lazy_connect": True, "retry_connect": True},
        },
    }
    DATABASE_ROUTERS = ["slackclone.routers.RelationalOnly"]

SEARCH_URL = os.environ.get(
    "SEARCH_URL", "" if EMBEDDED else os.environ.get("DATABASE_URL", "postgres://slackclone@127.0.0.1:15432/slackclone")
)
if not SEARCH_URL.startswith(("postgres:", "postgresql:", "sqlite:")):
    SEARCH_URL = f"sqlite:///{DATA_DIR / 'search.sqlite3'}"
SEARCH_BACKENDS = {
    "sqlite": "apps.search.backends.index_sqlite.SqliteIndex",
    "postgres": "apps.search.backends.index_postgres.PostgresIndex",
    "postgresql": "apps.search.backends.index_postgres.PostgresIndex",
}
SEARCH_DEADLINE_S = float(os.environ.get("SEARCH_DEADLINE_S", "5"))

# -- files ------------------------------------------------------------------------------------------------------------
FILES_URL = os.environ.get("FILES_URL", f"file://{DATA_DIR / 'files'}")  # or s3://BUCKET/PREFIX
FILES_S3_ENDPOINT = os.environ.get("FILES_S3_ENDPOINT", "")  # of a server that speaks S3 and is not Amazon's
FILES_S3_REGION = os.environ.get("FILES_S3_REGION", "")
FILES_ORIGIN = os.environ.get("FILES_ORIGIN", "").rstrip("/")  # https://files.example.org; empty: ours
FILES_MAX_BYTES = int(os.environ.get("FILES_MAX_BYTES", str(100 * 1024 * 1024)))
FILES_REFUSED = frozenset(
    kind.lower() for kind in _list("FILES_REFUSED", ".exe,.com,.scr,.bat,.cmd,.msi,.ps1,.vbs,.jar,.lnk,.hta")
)
FILES_MAX_PIXELS = 50_000_000  # of an image that gets a preview
FILES_IMAGE_MAX_BYTES = 25 * 1024 * 1024
_files = urlsplit(FILES_URL)
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "files": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": _files.netloc,
                "location": _files.path.strip("/"),
                "endpoint_url": FILES_S3_ENDPOINT or None,
                "region_name": FILES_S3_REGION or None,
                "default_acl": None,
                "file_overwrite": True,
            },
        }
        if _files.scheme == "s3"
        else {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": _files.path, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
        }
    ),
}

LINK_PREVIEWS = _flag("LINK_PREVIEWS", default=True)  # the worker fetches pages that people link

CELERY_BROKER_URL = os.environ.get("BROKER_URL", REDIS_URL.replace("/0", "/1") if REDIS_URL else "memory://localhost/")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# Celery's own limits don't hold in a pool of threads; apps/core/limited.py has some that do.
TASK_LIMIT_S = 240.0
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A queue for each kind of work, so that none waits behind another. The worker has threads for each group of them.
CELERY_TASK_ROUTES = {
    "notifications.notify": {"queue": "notify"},
    "notifications.unacknowledged": {"queue": "notify"},
    "notifications.fan_out": {"queue": "bulk"},
    "notifications.sweep": {"queue": "notify"},
    "notifications.push": {"queue": "push"},
    "notifications.close_shown": {"queue": "push"},
    "notifications.withdraw": {"queue": "notify"},
    "notifications.take_back": {"queue": "push"},
    "notifications.send_test": {"queue": "push"},
    "previews.fetch": {"queue": "previews"},
    "notifications.mail": {"queue": "mail"},
    "notifications.write_letter": {"queue": "mail"},
}
WORKER_QUEUES = {
    "celery": ("celery",),
    "notify": ("notify",),
    "push": ("push",),
    "bulk": ("bulk",),
    "mail": ("mail", "previews"),
}
# What a killed worker held is given to another after so long; no task runs, or is put off, for longer.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": int(os.environ.get("BROKER_VISIBILITY_S", "300"))} if REDIS_URL else {}
)
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "purge-ended-sessions": {"task": "accounts.purge_ended", "schedule": 3600.0},
    "sweep-desks": {"task": "desk.sweep", "schedule": 5.0},
    "prune-activity": {"task": "reads.prune", "schedule": 86_400.0},
    "take-up-lost-notifications": {"task": "notifications.sweep", "schedule": 30.0},
    "mail-missed-messages": {"task": "notifications.mail", "schedule": 30.0},
    "purge-previews": {"task": "previews.purge", "schedule": 3600.0},
    "purge-files": {"task": "files.purge", "schedule": 3600.0},
}
CELERY_TASK_PUBLISH_RETRY = False  # the sequencer holds its offset and tries again by itself

# -- push and mail --------------------------------------------------------------------------------------------------
VAPID_PRIVATE_KEY = keys.vapid(DATA_DIR, embedded=EMBEDDED)
VAPID_SUBJECT = os.environ.get("VAPID_SUBJECT", PUBLIC_URL if SECURE else "mailto:slackclone@localhost")
WEB_PUSH_HOSTS = _list(
    "WEB_PUSH_HOSTS",
    "fcm.googleapis.com,android.googleapis.com,updates.push.services.mozilla.com,push.apple.com,notify.windows.com",
)
FCM_CREDENTIALS = os.environ.get("FCM_CREDENTIALS", "")  # a service account's JSON file; empty: no FCM
FCM_URL = os.environ.get("FCM_URL", "https://fcm.googleapis.com")
APNS_KEY = os.environ.get("APNS_KEY", "")  # a .p8 file; empty: no APNs
APNS_KEY_ID = os.environ.get("APNS_KEY_ID", "")
APNS_TEAM_ID = os.environ.get("APNS_TEAM_ID", "")
APNS_TOPIC = os.environ.get("APNS_TOPIC", "")
APNS_URL = os.environ.get("APNS_URL", "https://api.push.apple.com")
PUSHERS = {
    "webpush": "apps.notifications.backends.push_web.WebPusher",
    "fcm": "apps.notifications.backends.push_fcm.FcmPusher",
    "apns": "apps.notifications.backends.push_apns.ApnsPusher",
}
# Pushes a second to the members of big audiences, all workers together; 0: as fast as it goes
BULK_PUSHES_PER_S = float(os.environ.get("BULK_PUSHES_PER_S", "300"))
MAIL_AFTER_S = float(os.environ.get("MAIL_AFTER_S", "900"))  # a mention that is unread for so long is mailed

# -- limits ---------------------------------------------------------------------------------------------------------
MESSAGE_MAX_CHARS = 12_000
MESSAGE_RATE_PER_S = int(os.environ.get("MESSAGE_RATE_PER_S", "50"))  # raised only by load tests
MESSAGE_EMOJI_MAX = 50  # different ones on a message
MESSAGE_REACTIONS_MAX = 2_000  # a row holds them, and every page of history reads them
AUTH_RATE_FACTOR = float(
    os.environ.get("AUTH_RATE_FACTOR", "1")
)  # scales the limits of sign-in, sign-up, reset, refresh
TYPING_MAX_FOLLOWERS = int(os.environ.get("TYPING_MAX_FOLLOWERS", "200"))
FRAME_MAX_BYTES = 64 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
SEQUENCED_DEADLINE_S = float(os.environ.get("SEQUENCED_DEADLINE_S", "3"))  # REST answers 202 after it
DEDUPE_WINDOW_S = 24 * 3600
HEARTBEAT_S = 30.0
HOT_DELIVERIES_PER_S = int(os.environ.get("HOT_DELIVERIES_PER_S", "25000"))  # of one stream and process; 0: never
HOT_FOLLOWERS = int(os.environ.get("HOT_FOLLOWERS", "1000"))
ACK_DEADLINE_S = float(os.environ.get("ACK_DEADLINE_S", "5"))  # then a message for somebody is resent, then pushed
SOCKET_QUEUE_BYTES = 1024 * 1024
SOCKET_STALLED_S = 8.0
GATEWAY_MAX_CONNECTIONS = int(os.environ.get("GATEWAY_MAX_CONNECTIONS", "50000"))
MARKER_FLUSH_S = float(os.environ.get("MARKER_FLUSH_S", "1"))  # what a killed gateway may lose of read markers
MARKERS_MAX = 50_000  # that wait for the database in one process
ACTIVITY_DAYS = int(os.environ.get("ACTIVITY_DAYS", "90"))  # reactions in the activity view

# -- Django ---------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_vite",
    "csp",
    "slackclone",
    "apps.eventlog",
    "apps.accounts",
    "apps.workspaces",
    "apps.conversations",
    "apps.files",
    "apps.emoji",
    "apps.messaging",
    "apps.desk",
    "apps.reads",
    "apps.notifications",
    "apps.presence",
    "apps.search",
    "apps.previews",
    "apps.canvas",
    "apps.gateway",
    "apps.delivery",
    "apps.botapi",
    "apps.console",
    "apps.web",
]
if "cassandra" in DATABASES:
    INSTALLED_APPS.insert(0, "django_cassandra_engine")  # for manage.py sync_cassandra
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "slackclone.urls"
ASGI_APPLICATION = "slackclone.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/signin"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/signin"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,  # drf-spectacular's pages
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "slackclone@localhost")
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "slackclone_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
DJANGO_VITE = {
    "default": {"manifest_path": BASE_DIR / "static" / "dist" / "manifest.json", "static_url_prefix": "dist"}
}

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:", "blob:", *([FILES_ORIGIN] if FILES_ORIGIN else [])],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.BearerAuthentication",
        "apps.accounts.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.core.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "slackclone",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/img/logo.svg",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
    "loggers": {"apps": {"level": os.environ.get("LOG_LEVEL", "INFO")}},
}
