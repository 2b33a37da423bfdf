"""Subscribers of billing to events of other packages, and its own notices of counts."""

from datetime import datetime

from flask_babel import force_locale, gettext

from app.billing import events, permissions, queries
from app.billing.actions import catalogue
from app.clinics.events import ClinicCreated
from app.identity.queries import roles
from app.kernel import money
from app.kernel.i18n import N_
from app.kernel.languages import default_locale
from app.kernel.outbox import EventRow
from app.notifications import actions as notifications


def on_clinic_created(*, event: EventRow, now: datetime) -> None:
    """Create the default payment methods and till of a new clinic."""
    catalogue.create_default_payment_methods(event.parse(ClinicCreated).clinic_id)


def on_till_counted(*, event: EventRow, now: datetime) -> None:
    """Ask the supervisors of the clinic, with the figures, for a decision on a count above the limit."""
    counted = event.parse(events.TillCounted)
    if not counted.needs_approval or event.clinic_id is None:
        return
    count, head = queries.counts.count(counted.count_id), queries.tills.head(counted.session_id)
    for user in roles.holders(permissions.APPROVE, clinic_id=event.clinic_id, now=now):
        if user.id == count.counted_by_id:
            continue
        with force_locale(user.locale or default_locale()):
            title = gettext("Autorizar un cierre con diferencia: %(till)s", till=head["till"])
            text = difference_words(count, head["currency"])
        notifications.notify(
            user_id=user.id,
            key=f"count:{count.id}:requested",
            kind="till_counted",
            title=title,
            text=text,
            href=f"/till-sessions/{count.session_id}/closing",
            data={"session_id": count.session_id, "count_id": count.id},
            now=now,
        )


def difference_words(count: queries.counts.StoredCount, currency: str) -> str:
    """«Ana Torres contó S/ 560.00, esperado S/ 577.30, faltan S/ 17.30.», in the reader's language."""
    text = (
        gettext("%(who)s contó %(counted)s, esperado %(expected)s, faltan %(difference)s.")
        if count.difference_cents < 0
        else gettext("%(who)s contó %(counted)s, esperado %(expected)s, sobran %(difference)s.")
    )
    return text % {
        "who": count.counted_by,
        "counted": money.format_money(count.counted_cents, currency),
        "expected": money.format_money(count.expected_cents, currency),
        "difference": money.format_money(abs(count.difference_cents), currency),
    }


def on_approved(*, event: EventRow, now: datetime) -> None:
    """Tell who counted that the closing may go on."""
    count_id = event.parse(events.ClosingApproved).count_id
    if count_id is not None:
        _notify_counter(count_id, N_("%(who)s autorizó su cierre con diferencia"), now=now)


def on_recount_requested(*, event: EventRow, now: datetime) -> None:
    """Tell who counted that another count is asked for, and why."""
    _notify_counter(event.parse(events.RecountRequested).count_id, N_("%(who)s pide contar de nuevo"), now=now)


def _notify_counter(count_id: int, title: str, *, now: datetime) -> None:
    count = queries.counts.count(count_id)
    head = queries.tills.head(count.session_id)
    for user in roles.holders(permissions.OPERATE_TILL, clinic_id=head["clinic_id"], now=now):
        if user.id != count.counted_by_id:
            continue
        with force_locale(user.locale or default_locale()):
            title = gettext(title) % {"who": count.decided_by}
        notifications.notify(
            user_id=user.id,
            key=f"count:{count.id}:decided",
            kind="till_decided",
            title=title,
            text=count.decision_reason,
            href=f"/till-sessions/{count.session_id}/closing",
            data={"session_id": count.session_id, "count_id": count.id},
            now=now,
        )


SUBSCRIPTIONS = (
    (ClinicCreated, "billing.equip_clinic", on_clinic_created),
    (events.TillCounted, "billing.request_approval", on_till_counted),
    (events.ClosingApproved, "billing.notify_approved", on_approved),
    (events.RecountRequested, "billing.notify_recount", on_recount_requested),
)
