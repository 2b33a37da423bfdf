"""The closing of a till: a sealed count, what a supervisor says to it, the end."""

from typing import Any

from flask import Response
from flask_babel import gettext as _

from app.billing import actions, forms, permissions, queries
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.access import can

pages = PageBlueprint("closings", __name__)


# ------------------------------------------------------------------ the count


@pages.get("/till-sessions/<int:session_id>/closing", requires=permissions.OPERATE_TILL)
def closing(session_id: int) -> Response:
    """What was counted and what comes next; without a current count the form to count."""
    counts = queries.counts.counts_of(session_id)
    head = queries.tills.session(session_id, actor=cycle.actor())
    if head["status"] == "closed":
        return fragments.redirect_to(f"/till-sessions/{session_id}")
    count = queries.counts.current(counts)
    if count is None:
        if cycle.is_fragment_request():  # the count that a page shows became void
            return fragments.redirect_to(f"/till-sessions/{session_id}/closing")
        return _count_page(head, None)
    return _result(head, count, forms.ClosingForm())


@pages.get("/till-sessions/<int:session_id>/counts", requires=permissions.OPERATE_TILL)
def count_form(session_id: int) -> Response:
    """The form of another count; the earlier ones stay."""
    return _count_page(queries.tills.session(session_id, actor=cycle.actor()), None)


def _make_count_form(session_id: int) -> forms.CountForm:
    return _count_form(queries.tills.session(session_id, actor=cycle.actor()))


def _count_form(head: dict[str, Any]) -> forms.CountForm:
    methods = queries.tills.methods_of(head["id"], clinic_id=head["clinic_id"])
    return forms.CountForm.for_methods(methods, head["currency"])


def _retry_count(*, form: forms.CountForm, session_id: int) -> Response:
    return _count_page(queries.tills.session(session_id, actor=cycle.actor()), form)


@pages.post(
    "/till-sessions/<int:session_id>/counts",
    requires=permissions.OPERATE_TILL,
    form=_make_count_form,
    retry=_retry_count,
)
def submit_count(session_id: int, form: forms.CountForm) -> Response:
    actions.counts.submit_count(
        session_id,
        counted=form.counted(),
        denominations=form.denominations(),
        actor=cycle.actor(),
        now=cycle.now(),
    )
    go = f"/till-sessions/{session_id}/closing"
    return fragments.fragment_response(
        redirect_url=go, toast=_("Su conteo quedó guardado. Ahora puede ver la diferencia.")
    )


def _count_page(head: dict[str, Any], form: forms.CountForm | None) -> Response:
    actor, clinic = cycle.actor(), clinics.clinic(head["clinic_id"])
    counts_blind = not queries.tills.sees_expected(actor, clinic.id, blind_close=clinic.blind_close)
    figures = [] if counts_blind else queries.tills.figures_of(head)
    form = form or _count_form(head)
    return fragments.page(
        "billing/count.html",
        head=head,
        form=form.with_submission_id(),
        expected={figure.code: figure.expected_cents for figure in figures},
        counts_blind=counts_blind,
        number=len(queries.counts.counts_of(head["id"])) + 1,
        owing=_owing(head),
        is_overlong=till_rules.is_overlong(head["opened_at"], cycle.now()),
        zone=clinic.timezone,
        currency=clinic.currency,
        today=_today(clinic),
    )


def _owing(head: dict[str, Any]) -> dict[str, list[Any]]:
    """Unpaid tickets of the session's day: ``done`` were attended, or their day is over; ``ahead`` are to come."""
    day = head["business_day"]
    rows = queries.tickets.search(head["clinic_id"], actor=cycle.actor(), day=day, debts=True)
    is_over = day < _today(clinics.clinic(head["clinic_id"]))
    attended = queries.attended.appointments_attended(row.appointment_id for row in rows if row.appointment_id)
    is_done = [is_over or not row.appointment_id or row.appointment_id in attended for row in rows]
    return {
        "done": [row for row, done in zip(rows, is_done, strict=True) if done],
        "ahead": [row for row, done in zip(rows, is_done, strict=True) if not done],
    }


def _today(clinic: clinics.ClinicView) -> Any:
    return clock.local_day(cycle.now(), clinic.timezone)


# ------------------------------------------------------------------ its result


def _retry_closing(*, form: forms.ClosingForm, session_id: int) -> Response:
    head = queries.tills.session(session_id, actor=cycle.actor())
    counts = queries.counts.counts_of(session_id)
    if head["status"] == "open" and queries.counts.current(counts) is None:
        count_form = _count_form(head)
        count_form.add_summary(form.refusal)
        return _count_page(head, count_form)
    return _result(head, counts[-1], form)


@pages.post(
    "/till-sessions/<int:session_id>/closing",
    requires=permissions.OPERATE_TILL,
    form=forms.ClosingForm,
    retry=_retry_closing,
)
def close_till(session_id: int, form: forms.ClosingForm) -> Response:
    actions.tills.close_till(
        session_id,
        reason=form.reason.data or "",
        left_for_tomorrow_cents=form.left_for_tomorrow.data,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    code = queries.tills.session(session_id, actor=cycle.actor())["code"]
    toast = _("Caja cerrada: %(code)s.", code=code)
    return fragments.fragment_response(redirect_url=f"/till-sessions/{session_id}", toast=toast)


def _result(head: dict[str, Any], count: queries.counts.StoredCount, form: forms.ClosingForm) -> Response:
    actor, clinic = cycle.actor(), clinics.clinic(head["clinic_id"])
    return fragments.page(
        "billing/closing.html",
        parts={"closing-state": "billing/_closing_state.html"},
        head=head,
        count=count,
        form=form.with_submission_id(),
        state=till_rules.state_of("open", count, None, clinic.difference_limit_cents),
        limit_cents=clinic.difference_limit_cents,
        may_decide=can(actor, permissions.APPROVE, clinic.id) and actor.user_id != count.counted_by_id,
        zone=clinic.timezone,
        currency=clinic.currency,
    )


# ------------------------------------------------------------------ what a supervisor says to it


@pages.post("/till-counts/<int:count_id>/approval", requires=permissions.APPROVE)
def approve(count_id: int) -> Response:
    actions.counts.approve_count(count_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url="/till", toast=_("Cierre con diferencia autorizado."), close_dialog=True
    )


@pages.get("/till-counts/<int:count_id>/rejection", requires=permissions.APPROVE)
def rejection_form(count_id: int) -> Response:
    return _rejection(count_id, forms.ReasonForm())


def _retry_rejection(*, form: forms.ReasonForm, count_id: int) -> Response:
    return _rejection(count_id, form)


@pages.post(
    "/till-counts/<int:count_id>/rejection", requires=permissions.APPROVE, form=forms.ReasonForm, retry=_retry_rejection
)
def reject(count_id: int, form: forms.ReasonForm) -> Response:
    actions.counts.reject_count(count_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/till", toast=_("Se pidió contar de nuevo."), close_dialog=True)


def _rejection(count_id: int, form: forms.ReasonForm) -> Response:
    queries.counts.session_of(count_id, actor=cycle.actor())
    count = queries.counts.count(count_id)
    return fragments.page(
        "billing/reason.html",
        parts={"dialog-body": "billing/_reason_form.html"},
        form=form.with_submission_id(),
        title=_("Pedir recuento"),
        description=_(
            "El conteo %(number)s de %(who)s se conserva; se pide otro.", number=count.number, who=count.counted_by
        ),
        action=f"/till-counts/{count_id}/rejection",
        label=_("Pedir recuento"),
        back="/till",
        back_label=_("Volver a la caja"),
    )
