"""The language of readers who chose none."""

from flask import current_app


def default_locale() -> str:
    """The setting ``DEFAULT_LOCALE``, as Babel writes it: ``es_PE`` or ``en``."""
    locale: str = current_app.config["SETTINGS"].default_locale
    return locale
