"""Filters and globals of templates: money, local times, new submission ids. None of them queries."""

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask, get_flashed_messages
from flask_babel import format_date, get_locale, gettext, ngettext
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined

from app.kernel import clock, ids, money


def register(app: Flask) -> None:
    app.jinja_env.undefined = StrictUndefined  # a misspelt value is an error, never an empty place
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.globals.update(
        _=translated,
        ngettext=ngettext,
        new_submission_id=lambda: ids.secret()[:22],
        csrf_token=generate_csrf,
        flashed=get_flashed_messages,
        day_words=day_words,
        language=language,
    )
    app.jinja_env.filters.update(
        money=money.format_money,
        amount=money.decimal_text,
        symbol=money.symbol,
        local_time=local_time,
        local=clock.local,
        time_of_day=time_of_day,
        utc_iso=utc_iso,
        short_day=short_day,
    )


def translated(text: str, /, **params: Any) -> str:
    """``gettext``, but an empty text stays empty: gettext returns the catalogue's header for it."""
    return gettext(text, **params) if text else ""


def language() -> str:
    """The language of this response as in ``<html lang>``: ``es-PE``, ``en``."""
    return str(get_locale()).replace("_", "-")


def local_time(instant: datetime, zone: str) -> str:
    """``10:30`` in the clinic's local time."""
    return clock.local(instant, zone).strftime("%H:%M")


def time_of_day(minute: int) -> str:
    """A minute of the day as ``09:30``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def day_words(day: date, today: date) -> str:
    """``hoy``, ``mañana``, ``ayer``, else ``lun 24 nov`` (with the year when it is another one)."""
    near = {0: gettext("hoy"), 1: gettext("mañana"), -1: gettext("ayer")}
    if (word := near.get((day - today).days)) is not None:
        return word
    return str(format_date(day, "EEE d MMM" if day.year == today.year else "EEE d MMM y")).replace(".", "")


def utc_iso(instant: datetime) -> str:
    """An instant in a URL: ``2026-11-24T15:30Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def short_day(day: date, today: date) -> tuple[str, str]:
    """The words above and below the number in a strip of days: ``("hoy", "nov")``, ``("lun", "nov")``."""
    near = {0: gettext("hoy"), 1: gettext("mañana")}
    word = near.get((day - today).days) or str(format_date(day, "EEE"))
    return word.rstrip("."), str(format_date(day, "MMM")).rstrip(".")
