"""Notify the patient and the therapist of a visit as it stands now.

Every notice has a key of visit, sequence, kind and channel, so a repeated request sends it once.
"""

from datetime import datetime, timedelta

from app.kernel import clock
from app.notifications import actions as notifications
from app.scheduling import messages
from app.scheduling.queries.notices import InboxOwner, Notice

ONLINE_GRACE = timedelta(minutes=3)  # a booking cancelled within this time sends no e-mail

INBOX_KINDS = {
    "confirmation": "appointment_created",
    "changed": "appointment_changed",
    "given-away": "appointment_changed",
    "cancellation": "appointment_cancelled",
    "reminder": "appointment_reminder",
    "noshow": "appointment_noshow",
    "arrived": "patient_arrived",
}


def notify_patient(
    kind: str,
    visit: Notice,
    *,
    now: datetime,
    due_at: datetime | None = None,
    after: str = "",
    before: datetime | None = None,
) -> None:
    """By e-mail and in their inbox, whichever of the two they have.

    ``after`` distinguishes two notices of one kind for the same time: the request and its approval. ``before`` is the
    start that a moved visit had.
    """
    name = f"{kind}-after-{after}" if after else kind
    if visit.email:
        _send_email(kind, visit, name=name, now=now, due_at=due_at, before=before)
    create_inbox_item(visit.patient_user, kind, visit, name=name, now=now, before=before)


def notify_therapist(
    kind: str, visit: Notice, *, account: InboxOwner | None = None, now: datetime, before: datetime | None = None
) -> None:
    """In the inbox of the visit's therapist, or of ``account``, the previous therapist."""
    create_inbox_item(account or visit.therapist_user, kind, visit, name=f"{kind}-therapist", now=now, before=before)


def notify_cancelled(visit: Notice, *, now: datetime) -> None:
    """Notify of a cancellation. A pending confirmation e-mail is cancelled, and then no cancellation is mailed."""
    was_waiting = notifications.cancel_pending(visit.all_keys, now=now)
    if was_waiting and not notifications.is_sent_or_sending(visit.all_keys):
        create_inbox_item(visit.patient_user, "cancellation", visit, name="cancellation", now=now)
    else:
        notify_patient("cancellation", visit, now=now)
    notify_therapist("cancellation", visit, now=now)


def notify_changed(visit: Notice, *, before: datetime, now: datetime) -> None:
    """Notify of another time or therapist. Pending e-mails are cancelled, as they are outdated."""
    notifications.cancel_pending(visit.all_keys, now=now)
    notify_patient("changed", visit, now=now, before=before)


def notify_reinstated(visit: Notice, *, after: str, now: datetime) -> None:
    """Notify that a request was approved or a cancellation undone."""
    notifications.cancel_pending(visit.all_keys, now=now)
    notify_patient("confirmation", visit, now=now, after=after)


def _send_email(
    kind: str, visit: Notice, *, name: str, now: datetime, due_at: datetime | None, before: datetime | None
) -> None:
    email = messages.render_email(kind, visit, now=now, before=before)
    notifications.deliver(
        key=f"{visit.key}{name}:email",
        kind=kind,
        address=visit.email,
        sender_name=visit.clinic_name,
        subject=email.subject,
        text=email.text,
        html=email.html,
        calendar=email.calendar,
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        subject_id=visit.id,
        now=now,
        due_at=due_at,
    )


def create_inbox_item(
    account: InboxOwner | None,
    kind: str,
    visit: Notice,
    *,
    name: str,
    now: datetime,
    before: datetime | None = None,
) -> None:
    """Create an inbox item for an account, if there is one; ``name`` ends in ``-therapist`` for a therapist's."""
    if account is None:
        return
    is_therapist = name.endswith("-therapist")
    item = messages.render_inbox_text(name if is_therapist else kind, visit, locale=account.locale, before=before)
    day = clock.local_day(visit.starts_at, visit.timezone)
    notifications.notify(
        user_id=account.user_id,
        key=f"{visit.key}{name}",
        kind=INBOX_KINDS[kind],
        title=item.title,
        text=item.text,
        href=f"/my-day?day={day}" if is_therapist else "/my",
        data={"appointment_id": visit.id},
        now=now,
    )
