"""Django's settings, as they follow from config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.csp import CSP

from connectors.ledger.config import LedgerConfig
from entrypoints.config.settings import Broker, Settings
from entrypoints.web.console.database import database_of
from entrypoints.web.console.language import SPOKEN
from entrypoints.web.console.secret_key import secret_key
from entrypoints.web.context import WebContext

_HERE = Path(__file__).parent
_CONSOLE = "entrypoints.web.console"
_HOUR = 3600
_YEAR = 365 * 24 * 3600
_LOCAL = ("localhost", "127.0.0.1", "[::1]")

_APPS = (
    f"{_CONSOLE}.people.apps.PeopleConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
)

_MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    f"{_CONSOLE}.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    f"{_CONSOLE}.middleware.Csrf",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    f"{_CONSOLE}.middleware.ErrorsInWords",
    f"{_CONSOLE}.people.second_factor.SecondFactor",
)


def django_settings(context: WebContext) -> dict[str, Any]:
    """The settings of a context."""
    settings = context.settings
    return {
        "WAYBILL": context,
        "DEBUG": False,
        "SECRET_KEY": secret_key(settings),
        "ALLOWED_HOSTS": _hosts(settings),
        "INSTALLED_APPS": _APPS,
        "MIDDLEWARE": _MIDDLEWARE,
        "ROOT_URLCONF": f"{_CONSOLE}.urls",
        "DATABASES": {"default": _database(settings)},
        "CACHES": {"default": _cache(settings.broker)},
        "TEMPLATES": _templates(),
        "STATIC_URL": "/static/",
        "STATICFILES_DIRS": [_HERE / "static"],
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "staticfiles": {"BACKEND": f"{_CONSOLE}.static_files.HashedFilesStorage"},
        },
        "WHITENOISE_USE_FINDERS": True,
        "WHITENOISE_AUTOREFRESH": False,
        "WHITENOISE_ALLOW_ALL_ORIGINS": False,
        "LANGUAGES": tuple(SPOKEN.items()),
        "LANGUAGE_CODE": "en",
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        # The log is set up by the command.
        "LOGGING_CONFIG": None,
        "MAILERS": {"default": {"BACKEND": f"{_CONSOLE}.mail.NotifierBackend"}},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        # A form has few fields; files are read in chunks, and bounded where they are taken in.
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 20_000,
        **_sessions(settings),
        **_security(settings),
        **_people(settings),
    }


def _hosts(settings: Settings) -> list[str]:
    web = settings.web
    if web.url is not None:
        # Health checks and people on this machine do not use the public name.
        return [urlsplit(web.url).hostname or "", *_LOCAL]
    return ["*"] if web.host in ("0.0.0.0", "::") else [web.host, *_LOCAL]  # noqa: S104 -- compared


def _database(settings: Settings) -> dict[str, Any]:
    ledger = settings.ledger.config
    assert isinstance(ledger, LedgerConfig)
    return database_of(ledger)


def _cache(broker: Broker) -> dict[str, Any]:
    """Login limits are counted for all web processes together, where the broker is."""
    return {
        "BACKEND": f"{_CONSOLE}.cache.SharedCache",
        "LOCATION": broker.url.get_secret_value(),
        "KEY_PREFIX": "waybill:console",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1, **(broker.tls or {})},
    }


def _templates() -> list[dict[str, Any]]:
    return [
        {
            "BACKEND": "django.template.backends.jinja2.Jinja2",
            "DIRS": [_HERE / "templates"],
            "OPTIONS": {"environment": f"{_CONSOLE}.templating.environment"},
        },
        {
            # The pages of allauth and of Django's admin.
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [_HERE / "allauth_templates"],
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.template.context_processors.csp",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
                "libraries": {"console": f"{_CONSOLE}.template_tags"},
            },
        },
    ]


def _sessions(settings: Settings) -> dict[str, Any]:
    secure = settings.web.is_secure
    # A cookie of that name is taken only from this very host, and over TLS.
    prefix = "__Host-" if secure else ""
    return {
        "SESSION_COOKIE_NAME": f"{prefix}waybill-session",
        "SESSION_COOKIE_AGE": settings.web.session_hours * 3600,
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_NAME": f"{prefix}waybill-csrf",
        "CSRF_COOKIE_SECURE": secure,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        # A proxy that says nothing of TLS must not make our own forms look forged.
        "CSRF_TRUSTED_ORIGINS": [] if settings.web.url is None else [settings.web.url],
        "CSRF_FAILURE_VIEW": f"{_CONSOLE}.failures.csrf_failure",
        "LANGUAGE_COOKIE_NAME": "waybill-language",
        "LANGUAGE_COOKIE_AGE": _YEAR,
        "LANGUAGE_COOKIE_SECURE": secure,
        "LANGUAGE_COOKIE_HTTPONLY": True,
        "LANGUAGE_COOKIE_SAMESITE": "Lax",
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
    }


def _security(settings: Settings) -> dict[str, Any]:
    secure = settings.web.is_secure
    return {
        "SECURE_HSTS_SECONDS": _YEAR if secure else 0,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "SECURE_CSP": {
            "default-src": [CSP.NONE],
            "script-src": [CSP.NONCE],
            "style-src": [CSP.SELF],
            # A TOTP secret is shown as a picture within the page.
            "img-src": [CSP.SELF, "data:"],
            "font-src": [CSP.SELF],
            "connect-src": [CSP.SELF],
            "form-action": [CSP.SELF],
            "base-uri": [CSP.NONE],
            "frame-ancestors": [CSP.NONE],
        },
    }


def _people(settings: Settings) -> dict[str, Any]:
    web = settings.web
    validators = "django.contrib.auth.password_validation"
    return {
        "AUTH_USER_MODEL": "people.Person",
        "AUTHENTICATION_BACKENDS": ("allauth.account.auth_backends.AuthenticationBackend",),
        "PASSWORD_HASHERS": ("django.contrib.auth.hashers.Argon2PasswordHasher",),
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"{validators}.UserAttributeSimilarityValidator"},
            {"NAME": f"{validators}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
            {"NAME": f"{validators}.CommonPasswordValidator"},
        ],
        "PASSWORD_RESET_TIMEOUT": _HOUR,
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "/",
        "ACCOUNT_LOGOUT_REDIRECT_URL": "account_login",
        "ACCOUNT_ADAPTER": f"{_CONSOLE}.people.adapters.AccountAdapter",
        "ACCOUNT_LOGIN_METHODS": {"username", "email"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "email*", "password1*"],
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        # Nobody makes us write to strangers.
        "ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS": False,
        "ACCOUNT_EMAIL_SUBJECT_PREFIX": "Waybill: ",
        "ACCOUNT_DEFAULT_HTTP_PROTOCOL": "https" if web.is_secure else "http",
        "ACCOUNT_SESSION_REMEMBER": True,
        "ACCOUNT_LOGIN_ON_PASSWORD_RESET": False,
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": True,
        "ACCOUNT_EMAIL_NOTIFICATIONS": settings.mail is not None,
        "MFA_ADAPTER": f"{_CONSOLE}.people.adapters.MfaAdapter",
        "MFA_FORMS": {"activate_totp": f"{_CONSOLE}.people.forms.AppForm"},
        "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
        "MFA_PASSKEY_LOGIN_ENABLED": True,
        "MFA_PASSKEY_SIGNUP_ENABLED": False,
        "MFA_TOTP_ISSUER": "Waybill",
        # Clocks differ, and people type slowly; no code is good twice.
        "MFA_TOTP_TOLERANCE": 1,
        # Browsers offer passkeys over TLS and on this machine only; the library does not know of
        # the latter.
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": not web.is_secure,
        **_single_sign_on(settings),
    }


def _single_sign_on(settings: Settings) -> dict[str, Any]:
    oidc = settings.web.oidc
    values: dict[str, Any] = {
        "SOCIALACCOUNT_ADAPTER": f"{_CONSOLE}.people.single_sign_on.SocialAccountAdapter",
        "SOCIALACCOUNT_AUTO_SIGNUP": True,
        "SOCIALACCOUNT_EMAIL_REQUIRED": False,
        # The adapter finds people by their address, and keeps their password as it is.
        "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,
        "SOCIALACCOUNT_ONLY": False,
        "SOCIALACCOUNT_STORE_TOKENS": False,
    }
    if oidc is not None:
        app = {
            "provider_id": "sso",
            "name": oidc.name,
            "client_id": oidc.client_id,
            "secret": oidc.client_secret.get_secret_value(),
            "settings": {
                "server_url": oidc.issuer.rstrip("/"),
                "oauth_pkce_enabled": True,
                "verified_email": True if oidc.emails_are_verified else None,
            },
        }
        values["SOCIALACCOUNT_PROVIDERS"] = {"openid_connect": {"APPS": [app]}}
    return values
