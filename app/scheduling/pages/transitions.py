"""The steps of a visit: every button of the front desk and the agenda posts to one of these nouns.

The answer is a toast, with Deshacer where there is a way back. What shows visits fetches itself, on the acting
screen as on the others (``app.realtime.refresh``). Without script the answer is a 303 to the form's ``next``.
"""

from flask import Response
from flask_babel import gettext

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.http.templating import day_words
from app.kernel import clock
from app.kernel.i18n import N_
from app.scheduling import permissions
from app.scheduling.actions import transitions
from app.scheduling.queries import appointments
from app.scheduling.queries import transitions as queries

pages = PageBlueprint("transitions", __name__)


@pages.post("/appointments/<int:appointment_id>/confirmation", requires=permissions.BOOK)
def confirmation(appointment_id: int) -> Response:
    transitions.confirm_appointment(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Confirmada: %(name)s"))


# who is no receptionist receives own patients only (D38); the table of transitions decides
RECEIVERS = (permissions.RECEIVE, permissions.ATTEND)


@pages.post("/appointments/<int:appointment_id>/arrival", requires=RECEIVERS)
def arrival(appointment_id: int) -> Response:
    transitions.receive_patient(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("En sala: %(name)s"), may_undo=True)


@pages.post("/appointments/<int:appointment_id>/check-in", requires=RECEIVERS)
def check_in(appointment_id: int) -> Response:
    transitions.check_in_patient(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Lista: %(name)s"), may_undo=True)


@pages.post("/appointments/<int:appointment_id>/session", requires=permissions.ATTEND)
def session(appointment_id: int) -> Response:
    transitions.start_session(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("En sesión: %(name)s"), may_undo=True)


@pages.post("/appointments/<int:appointment_id>/session/end", requires=permissions.ATTEND)
def session_end(appointment_id: int) -> Response:
    transitions.finish_session(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Sesión terminada: %(name)s"), may_undo=True)


@pages.post("/appointments/<int:appointment_id>/undo", requires=RECEIVERS)
def undo(appointment_id: int) -> Response:
    transitions.undo_last_step(appointment_id, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Deshecho: %(name)s"))


def changed(appointment_id: int, text: str, *, may_undo: bool = False, takes_focus: bool = False) -> Response:
    """What every change of a visit answers; ``text`` is a source text with ``name``, ``when``, ``therapist``.

    With ``may_undo`` the toast offers Deshacer, where the way back is open to this person. An open dialog closes: it
    showed the visit as it was. With ``takes_focus`` the focus goes to the visit on the board or in the agenda.
    """
    visit = appointments.heading(appointment_id)
    may_undo = may_undo and queries.may_undo(visit, actor=cycle.actor(), now=cycle.now())
    starts = clock.local(visit.starts_at, visit.timezone)
    today = clock.local_day(cycle.now(), visit.timezone)
    words = gettext(
        text,
        name=visit.patient_name,
        therapist=visit.therapist_name,
        when=f"{day_words(starts.date(), today)} {starts:%H:%M}",
    )
    response = fragments.fragment_response(
        redirect_url=fragments.next_url(f"/agenda?day={starts.date()}&clinic_id={visit.clinic_id}"),
        toast=words,
        undo=f"/appointments/{appointment_id}/undo" if may_undo else None,
        about=f"visit-{appointment_id}",
        close_dialog=True,
    )
    if takes_focus:
        fragments.focus(response, f"visit-{appointment_id}", f"appt-{appointment_id}")
    return response
