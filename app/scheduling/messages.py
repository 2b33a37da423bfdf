"""Texts of notices: e-mails with their calendar object, and inbox lines, in the reader's language.

They name the service, never a reason or anything clinical, and no person but the recipient and the therapist.
Times are on the clinic's wall clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import current_app, render_template
from flask_babel import force_locale, format_date
from flask_babel import gettext as _

from app.kernel import clock
from app.kernel.contacts import format_phone
from app.kernel.languages import default_locale
from app.scheduling import rules
from app.scheduling.queries.notices import Notice

CALENDAR_STATUS = {"pending": "TENTATIVE", "cancelled": "CANCELLED", "entered-in-error": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class EmailContent:
    """The content of an e-mail for ``notifications.actions.deliver``."""

    subject: str
    text: str
    html: str
    calendar: str | None


@dataclass(frozen=True, slots=True)
class InboxText:
    """The text of an inbox item for ``notifications.actions.notify``."""

    title: str
    text: str


def render_email(kind: str, visit: Notice, *, now: datetime, before: datetime | None = None) -> EmailContent:
    """The e-mail of ``kind`` (confirmation, changed, cancellation, reminder) to the patient.

    ``before`` is the start that a moved visit had.
    """
    with force_locale(visit.locale or default_locale()):
        words = {
            "visit": visit,
            "when": when(visit),
            "change": _change(visit, before),
            **_subject(kind, visit),
            **_how_to_change(visit, now),
        }
        method = "CANCEL" if kind == "cancellation" else "REQUEST"
        return EmailContent(
            subject=words["subject"],
            text=render_template(f"scheduling/messages/{kind}.txt", **words),
            html=render_template(f"scheduling/messages/{kind}.html", **words),
            calendar=None if kind == "reminder" else calendar(visit, method, now=now),
        )


def _subject(kind: str, visit: Notice) -> dict[str, str]:
    subjects = {
        "confirmation": _("Su solicitud de cita: %(when)s") if visit.status == "pending" else _("Su cita: %(when)s"),
        "changed": _("Su cita cambió: %(when)s"),
        "cancellation": _("Cita cancelada: %(when)s"),
        "reminder": _("Recordatorio de su cita: %(when)s"),
    }
    return {"subject": subjects[kind] % {"when": when(visit, short=True)}}


def _how_to_change(visit: Notice, now: datetime) -> dict[str, Any]:
    """Where the patient may still change the visit themselves; otherwise by telephone alone."""
    in_time = rules.may_patient_change(visit.starts_at, now=now, notice_hours=visit.change_notice_hours)
    url = f"{current_app.config['SETTINGS'].public_url}/my"
    return {"change_url": url if visit.patient_user and in_time else "", "phone": format_phone(visit.clinic_phone)}


def _change(visit: Notice, before: datetime | None) -> str:
    """What a move changed, with dates: "mañana" would be wrong for who reads it tomorrow. Empty for the same time."""
    if before is None or before == visit.starts_at:
        return ""
    then = when(replace(visit, starts_at=before), short=True)
    return _("Cambió: antes %(before)s, ahora %(now)s.", before=then, now=when(visit, short=True))


def when(visit: Notice, *, short: bool = False) -> str:
    """``lunes 24 de noviembre, 10:30`` on the clinic's wall clock."""
    start = clock.local(visit.starts_at, visit.timezone)
    pattern = "EEE d MMM" if short else _("EEEE d 'de' MMMM")  # CLDR letters; English says "EEEE d MMMM"
    return f"{format_date(start.date(), pattern).replace('.', '')}, {start:%H:%M}"


def calendar(visit: Notice, method: str, *, now: datetime) -> str:
    """The visit as an iTIP object (RFC 5546): the UID never changes, SEQUENCE grows with each change."""
    from icalendar import Calendar, Event, vCalAddress, vText  # imported late: needed by workers only

    def person(address: str, name: str) -> vCalAddress:
        calendar_address = vCalAddress(f"mailto:{address}")
        calendar_address.params["CN"] = vText(name)
        return calendar_address

    event = Event()
    event.add("uid", visit.uid)
    event.add("sequence", visit.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", visit.starts_at)
    event.add("dtend", visit.ends_at)
    event.add("summary", f"{visit.service_name}, {visit.clinic_name}")
    event.add("description", _("Con %(therapist)s", therapist=visit.therapist_name))
    event.add("location", ", ".join(part for part in (visit.clinic_name, visit.clinic_address) if part))
    event.add("status", CALENDAR_STATUS.get(visit.status, "CONFIRMED"))
    event["organizer"] = person(current_app.config["SETTINGS"].mail_from, visit.clinic_name)
    event.add("attendee", person(visit.email, visit.patient_name), encode=False)
    document = Calendar()
    document.add("prodid", "-//MediConnect//ES")
    document.add("version", "2.0")
    document.add("method", method)
    document.add_component(event)
    return document.to_ical().decode()


def render_inbox_text(kind: str, visit: Notice, *, locale: str | None, before: datetime | None = None) -> InboxText:
    """The inbox line of ``kind`` for a reader of ``locale``; the therapist's kinds end in ``-therapist``.

    ``before`` is the start that a moved visit had.
    """
    with force_locale(locale or default_locale()):
        titles = {
            "confirmation": _("Cita por confirmar") if visit.status == "pending" else _("Cita reservada"),
            "changed": _("Su cita cambió"),
            "cancellation": _("Cita cancelada"),
            "reminder": _("Recordatorio de su cita"),
            "noshow": _("No registramos su visita"),
            "confirmation-therapist": _("Nueva cita"),
            "changed-therapist": _("Cita movida"),
            "given-away-therapist": _("Una cita pasó a otro terapeuta"),
            "cancellation-therapist": _("Cita cancelada"),
            "arrived-therapist": _("Su paciente llegó"),
        }
        other = visit.patient_name if kind.endswith("-therapist") else visit.therapist_name
        change = _change(visit, before)
        text = _(
            "%(when)s. %(service)s con %(person)s, %(clinic)s",
            when=change.rstrip(".") or when(visit).capitalize(),
            service=visit.service_name,
            person=other,
            clinic=visit.clinic_name,
        )
        return InboxText(titles[kind], text)
