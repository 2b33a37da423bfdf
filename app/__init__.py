"""MediConnect: the system a therapy clinic runs on."""

from pathlib import Path

from flask import Flask, g, has_request_context, request
from flask_babel import Babel
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

import config
import logs
from app import tables, wiring  # noqa: F401 - tables are known before the first query
from app.http import cors, cycle, error_responses, headers, limits, request_log
from app.http.templating import register as register_jinja
from app.kernel import context
from app.kernel.access_log import AccessLog
from app.kernel.broker import Broker
from app.kernel.db import db
from app.kernel.languages import default_locale

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: config.Settings | None = None, *, commands: bool = True) -> Flask:
    """The application; raises ``config.BadSetting`` when it cannot start with these settings.

    ``commands=False`` leaves out the ``flask`` commands and with them Alembic: serving processes need neither.
    """
    settings = settings or config.load()
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    app.url_map.converters["int"] = cycle.RowNumber
    app.url_rule_class = cycle.LazyRule
    _configure(app, settings)
    db.init_app(app)
    Babel(
        app,
        locale_selector=_locale,
        default_locale=settings.default_locale,
        default_translation_directories=str(ROOT / "app/translations"),
    )
    app.extensions["broker"] = Broker(settings.redis_url)
    app.extensions["access_log"] = AccessLog(app, background=settings.env != "test")
    request_log.register(app)
    headers.register(app)
    cors.register(app)
    limits.register(app)
    csrf = CSRFProtect(app)  # reads the form: after the limits
    error_responses.register(app)
    register_jinja(app)
    for api in wiring.register(app):
        csrf.exempt(api)
    if commands:
        from app import cli

        cli.register(app)
    with app.app_context():
        cycle.check_every_route()
    return app


def _configure(app: Flask, settings: config.Settings) -> None:
    secure = settings.public_url.startswith("https://")
    if secure:  # gunicorn ends no TLS: the reverse proxy passes the client's address and scheme
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_pre_ping": settings.database_url.startswith("postgresql"),
            "hide_parameters": True,  # logged errors show the statement without personal data
        },
        SESSION_COOKIE_NAME="__Host-sid" if secure else "sid",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session, which expires when idle
        WTF_CSRF_SSL_STRICT=False,  # limits.py checks the Origin
        TESTING=settings.env == "test",
    )
    logs.configure(settings.log_level, lambda: context.current().request_id or "")


def _locale() -> str:
    """The reader's own language, else the browser's; what programs get from the API is always Spanish."""
    if has_request_context() and error_responses.is_json_request():
        return "es_PE"
    actor = g.get("actor")
    if actor is not None and actor.locale in config.LOCALES:
        return str(actor.locale)
    default = default_locale()
    if not has_request_context():
        return default
    wanted = request.accept_languages.best_match(["es-PE", "es", "en"], default.replace("_", "-"))
    return "en" if wanted == "en" else "es_PE"
