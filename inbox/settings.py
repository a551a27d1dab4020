"""Settings: one file; everything an operator may change is an environment variable, documented in the README."""

import os
import sys
from pathlib import Path
from typing import Any

import dj_database_url
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    """One environment variable; an empty one counts as not set."""
    return os.environ.get(name) or default


def flag(name: str, default: bool = False) -> bool:
    value = env(name, str(default)).lower()
    if value not in ("1", "0", "true", "false", "yes", "no", "on", "off"):
        raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")
    return value in ("1", "true", "yes", "on")


def number(name: str, default: int) -> int:
    value = env(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number.") from None


ENVIRONMENT = env("ENVIRONMENT", "production")
if ENVIRONMENT not in ("production", "demo", "test"):
    raise ImproperlyConfigured(f"ENVIRONMENT is {ENVIRONMENT!r}; write production, demo or test.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = flag("DEBUG")
DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / "data"))).resolve()

SECRET_KEY = env("SECRET_KEY")
if not SECRET_KEY:
    if PRODUCTION and not {"collectstatic", "makemigrations", "check", "help"} & set(sys.argv):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    SECRET_KEY = "only-for-demo-and-tests-" + "x" * 40
BASE_URL = env("BASE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env("ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

ROOT_URLCONF = "inbox.urls"
ASGI_APPLICATION = "inbox.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
SITE_NAME = env("SITE_NAME", "FHIR Inbox")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "csp",
    "corsheaders",
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
    "inbox.apps.InboxConfig",
    "accounts",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.MembershipMiddleware",
    "inbox.middleware.AuditMiddleware",
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
                "inbox.views.shell.context",
                "accounts.client_views.context",
            ],
        },
    }
]

# Two SQLite files: a read is audited in the second one, so that a writer never blocks readers.
_sqlite = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 5,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    " PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;",
}
DATABASE_URL = env("DATABASE_URL")
if DATABASE_URL:
    _postgres: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True))
    # Our statements are many small look-ups: compiling them takes longer than running them.
    _postgres["OPTIONS"] = {"options": "-c jit=off", **_postgres.get("OPTIONS", {})}
    DATABASES = {"default": _postgres}
    AUDIT_READS = "default"
else:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "inbox.sqlite3",
            "OPTIONS": dict(_sqlite),
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
        },
        "audit": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "audit.sqlite3",
            "OPTIONS": dict(_sqlite),
            "TEST": {"NAME": DATA_DIR / "test-audit.sqlite3"},
        },
    }
    AUDIT_READS = "audit"
DATABASE_ROUTERS = ["inbox.routers.AuditRouter"]

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/threads/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# The same answer for known and unknown addresses, and no mail to the unknown ones.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.tokens.ResetTokens"
# Whoever guesses at somebody's password can block the form, not the link in that person's mailbox.
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_SESSION_REMEMBER = False
# No window is longer than accounts.middleware.RETRY_AFTER.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,10/5m/key",
    "reset_password": "10/m/ip,3/5m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
}
# X-Forwarded-For counts only behind a proxy of ours, and then only the part which that proxy wrote.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if flag("BEHIND_PROXY") else 0

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "accounts.oauth.hashers.SecretHasher",  # of clients; people's passwords go to the first one
]
IDP_OIDC_ADAPTER = "accounts.oauth.adapter.OIDCAdapter"
IDP_OIDC_ACCESS_TOKEN_FORMAT = "jwt"
# Clients ask for the next token five minutes before the end, and one that lasts no longer without pause.
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = IDP_OIDC_ID_TOKEN_EXPIRES_IN = max(number("TOKEN_MINUTES", 120), 60) * 60 + 60
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 30 * 24 * 3600
OIDC_PRIVATE_KEY = env("OIDC_PRIVATE_KEY").replace("\\n", "\n")

# Apps in browsers, at exactly these origins; a session means nothing at any of these addresses.
CORS_ALLOWED_ORIGINS = [one for one in env("CORS_ALLOWED_ORIGINS").split(",") if one]
CORS_URLS_REGEX = r"^/(fhir/R4(/.*)?|oauth2/(token|revoke|userinfo|logout)|auth/me)$"
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "cache-control",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-exist",
    "if-none-match",
    "prefer",
    "x-medplum",
    "x-security-context",
]
CORS_EXPOSE_HEADERS = [
    "content-location",
    "etag",
    "last-modified",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "inbox.api.errors.answer",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.ClientThrottle"],
}
# Requests a minute of one client, and its logins; counted by each process for itself.
API_RATE = number("API_RATE", 6_000)
TOKEN_RATE = number("TOKEN_RATE", 300)
# A remote FHIR server instead of the embedded store, see docs/remote-server.md.
FHIR_BASE_URL = env("FHIR_BASE_URL").rstrip("/")
FHIR_TOKEN_URL = env("FHIR_TOKEN_URL")
FHIR_CLIENT_ID = env("FHIR_CLIENT_ID")
FHIR_CLIENT_SECRET = env("FHIR_CLIENT_SECRET")
FHIR_TOKEN = env("FHIR_TOKEN")
FHIR_TIMEOUT = number("FHIR_TIMEOUT", 10)
FHIR_POLL_SECONDS = number("FHIR_POLL_SECONDS", 2)
if FHIR_TOKEN_URL and not (FHIR_CLIENT_ID and FHIR_CLIENT_SECRET):
    raise ImproperlyConfigured("FHIR_TOKEN_URL is set: set FHIR_CLIENT_ID and FHIR_CLIENT_SECRET too.")
FHIR_MAX_BODY_BYTES = number("FHIR_MAX_BODY_BYTES", 8_000_000)
FHIR_MAX_BUNDLE_ENTRIES = number("FHIR_MAX_BUNDLE_ENTRIES", 1_000)
FHIR_MAX_COUNT = number("FHIR_MAX_COUNT", 1_000)
FHIR_MAX_INCLUDES = number("FHIR_MAX_INCLUDES", 1_000)
FHIR_MAX_BINARY_BYTES = number("FHIR_MAX_BINARY_BYTES", 25_000_000)
FHIR_LOOSE_FILE_HOURS = number("FHIR_LOOSE_FILE_HOURS", 24)

SESSION_COOKIE_AGE = number("SESSION_HOURS", 12) * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "inbox.views.errors.csrf_failure"
HTTPS = flag("HTTPS", PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
if flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

LANGUAGE_CODE = env("DEFAULT_LANGUAGE", "en")
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without `collectstatic` (demo, tests) files are served from where they lie.
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
_folder: dict[str, Any] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": DATA_DIR / "files",
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    },
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": _folder,
    "files": _folder,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

EMAIL_HOST = env("EMAIL_HOST", "localhost")
EMAIL_PORT = number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env("EMAIL_USER")
EMAIL_HOST_PASSWORD = env("EMAIL_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", "inbox@localhost")
if ENVIRONMENT == "demo":
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# Where rest-hooks may be sent; see inbox/channels/addresses.py.
SUBSCRIPTION_HOSTS = env("SUBSCRIPTION_HOSTS", "" if PRODUCTION else "http://127.0.0.1:*").split(",")
SUBSCRIPTION_TRIES = number("SUBSCRIPTION_TRIES", 16)
SUBSCRIPTION_TIMEOUT = number("SUBSCRIPTION_TIMEOUT", 10)
SOCKETS_PER_MEMBERSHIP = number("SOCKETS_PER_MEMBERSHIP", 20)

# What people may type and how much is shown at once.
MESSAGE_MAX_LENGTH = number("MESSAGE_MAX_LENGTH", 100_000)
TOPIC_MAX_LENGTH = number("TOPIC_MAX_LENGTH", 200)
THREADS_PER_PAGE = number("THREADS_PER_PAGE", 25)
MESSAGES_PER_PAGE = number("MESSAGES_PER_PAGE", 50)
EMERGENCY_NUMBER = env("EMERGENCY_NUMBER", "911")
CLINIC_PHONE = env("CLINIC_PHONE", "555 010 0100")
REPLY_TIME = env("REPLY_TIME", "by the end of the next working day")
VOCABULARY = env("VOCABULARY", "https://medplum.com").rstrip("/")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processor": structlog.processors.JSONRenderer(),
        },
        "plain": {"format": "%(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain" if DEBUG else "json"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", "WARNING")},
}
