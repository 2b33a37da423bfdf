"""Tills: overview, opening, movements, the X and Z report."""

from typing import Any

from flask import Response
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.billing import accounts, actions, forms, permissions, queries
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock, money
from app.kernel.access import can

pages = PageBlueprint("tills", __name__)

MAX_LATEST_MOVEMENTS = 8


# ------------------------------------------------------------------ overview


@pages.get("/till", requires=permissions.OPERATE_TILL)
def till() -> Response:
    return _overview(cycle.clinic_id(permissions.OPERATE_TILL), None)


def _overview(clinic_id: int, form: forms.OpenTillForm | None) -> Response:
    actor, clinic = cycle.actor(), clinics.clinic(clinic_id)
    sees_expected = queries.tills.sees_expected(actor, clinic_id, blind_close=clinic.blind_close)
    idle = queries.tills.idle_tills(clinic_id)
    return fragments.page(
        "billing/till.html",
        parts={"till": "billing/_till.html"},
        clinic_id=clinic_id,
        open_sessions=[
            _open(head, sees_expected, clinic) for head in queries.tills.open_sessions(clinic_id, actor=actor)
        ],
        past=queries.tills.past_sessions(clinic_id, actor=actor),
        idle=idle,
        open_form=_open_form(idle, form, clinic.currency),
        holds_till=bool(idle) and queries.tills.holds_till(actor),
        sees_expected=sees_expected,
        can_approve=can(actor, permissions.APPROVE, clinic_id),
        user_id=actor.user_id,
        zone=clinic.timezone,
        currency=clinic.currency,
        today=clock.local_day(cycle.now(), clinic.timezone),
    )


def _open(head: dict[str, Any], sees_expected: bool, clinic: clinics.ClinicView) -> dict[str, Any]:
    """An open session with its latest movements and its count, and its figures when the actor may see them."""
    lines = queries.drawer.movements(head["id"])
    count = queries.counts.current(queries.counts.counts_of(head["id"]))
    figures = queries.tills.figures_of(head) if sees_expected else []
    return {
        **head,
        "lines": lines[-MAX_LATEST_MOVEMENTS:][::-1],
        "line_count": len(lines),
        "figures": figures,
        "cash_cents": sum(f.expected_cents for f in figures if f.is_cash),
        "net_cents": sum(f.net_cents for f in figures),
        "count": count,
        "state": till_rules.state_of("open", count, None, clinic.difference_limit_cents),
        "limit_cents": clinic.difference_limit_cents,
        "hides_figures": not sees_expected and count is None,
        "is_overlong": till_rules.is_overlong(head["opened_at"], cycle.now()),
    }


def _open_form(idle: list[dict[str, Any]], form: forms.OpenTillForm | None, currency: str) -> forms.OpenTillForm:
    """The form to open a till; its float defaults to what the last closing left in the drawer."""
    if form is None:
        left = (idle[0]["float_cents"] or 0) if idle else 0
        form = forms.OpenTillForm.of(currency, formdata=None, opening_float=left)
    form.till_id.choices = [SelectChoice(t["id"], t["name"]) for t in idle]
    form.with_submission_id()
    return form


def _make_open_form() -> forms.OpenTillForm:
    clinic_id = cycle.clinic_id(permissions.OPERATE_TILL)
    form = forms.OpenTillForm.of(clinics.clinic(clinic_id).currency)
    form.till_id.choices = [SelectChoice(till["id"], till["name"]) for till in queries.tills.idle_tills(clinic_id)]
    return form


def _retry_open(*, form: forms.OpenTillForm) -> Response:
    return _overview(cycle.clinic_id(permissions.OPERATE_TILL), form)


@pages.post("/till-sessions", requires=permissions.OPERATE_TILL, form=_make_open_form, retry=_retry_open)
def open_till(form: forms.OpenTillForm) -> Response:
    session_id = actions.tills.open_till(
        form.till_id.data,
        opening_float_cents=form.opening_float.data or 0,
        denominations=form.denominations(),
        note=form.note.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    code = queries.tills.session(session_id, actor=cycle.actor())["code"]
    return _changed("/till", _("Caja abierta: %(code)s.", code=code))


def _changed(redirect_url: str, toast: str) -> Response:
    return fragments.fragment_response(redirect_url=redirect_url, toast=toast, close_dialog=True)


# ------------------------------------------------------------------ one session


@pages.get("/till-sessions/<int:session_id>", requires=permissions.OPERATE_TILL)
def session(session_id: int) -> Response:
    actor = cycle.actor()
    head = queries.tills.session(session_id, actor=actor)
    is_open = head["status"] == "open"
    report = (
        queries.tills.report(head, queries.tills.figures_of(head))
        if is_open
        else queries.tills.sealed_report(session_id)
    )
    hides_figures = queries.tills.counts_blind(head, actor=actor)
    return fragments.page(
        "billing/session.html",
        parts={"report": "billing/_report.html"},
        head=head,
        report=report,
        hides_figures=hides_figures,
        labels=accounts.LABELS,
    )


@pages.get("/till-sessions/<int:session_id>/movements", requires=permissions.OPERATE_TILL)
def movement_form(session_id: int) -> Response:
    return _movement(session_id, forms.MovementForm())


def _retry_movement(*, form: forms.MovementForm, session_id: int) -> Response:
    return _movement(session_id, form)


@pages.post(
    "/till-sessions/<int:session_id>/movements",
    requires=permissions.OPERATE_TILL,
    form=forms.MovementForm,
    retry=_retry_movement,
)
def record_movement(session_id: int, form: forms.MovementForm) -> Response:
    actions.drawer.record_movement(
        session_id,
        kind=form.kind.data or "",
        amount_cents=form.amount.data,
        concept=form.concept.data or "",
        beneficiary=form.beneficiary.data or "",
        voucher_number=form.voucher_number.data or "",
        reason=form.reason.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _changed("/till", _("Movimiento registrado."))


def _movement(session_id: int, form: forms.MovementForm) -> Response:
    return fragments.page(
        "billing/movement.html",
        parts={"dialog-body": "billing/_movement_form.html"},
        head=(head := queries.tills.session(session_id, actor=cycle.actor())),
        form=form.with_submission_id(),
        can_override=can(cycle.actor(), permissions.APPROVE, head["clinic_id"]),
    )


@pages.get("/till-movements/<int:movement_id>/reversal", requires=permissions.OPERATE_TILL)
def reversal_form(movement_id: int) -> Response:
    return _reversal(movement_id, forms.ReasonForm())


def _retry_reversal(*, form: forms.ReasonForm, movement_id: int) -> Response:
    return _reversal(movement_id, form)


@pages.post(
    "/till-movements/<int:movement_id>/reversal",
    requires=permissions.OPERATE_TILL,
    form=forms.ReasonForm,
    retry=_retry_reversal,
)
def reverse_movement(movement_id: int, form: forms.ReasonForm) -> Response:
    actions.drawer.reverse_movement(movement_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed("/till", _("Movimiento anulado con una línea contraria; las dos quedan a la vista."))


def _reversal(movement_id: int, form: forms.ReasonForm) -> Response:
    move = queries.drawer.cash_move(movement_id, actor=cycle.actor())
    currency = clinics.clinic(move.clinic_id).currency
    return fragments.page(
        "billing/reason.html",
        parts={"dialog-body": "billing/_reason_form.html"},
        form=form.with_submission_id(),
        title=_(
            "Anular %(kind)s de %(amount)s",
            kind=_(accounts.LABELS[move.kind]).lower(),
            amount=money.format_money(abs(move.amount_cents), currency),
        ),
        description=_(
            "Se registra una línea contraria en la caja abierta; la original queda como está: %(concept)s.",
            concept=move.concept,
        ),
        action=f"/till-movements/{movement_id}/reversal",
        label=_("Anular movimiento"),
        back="/till",
        back_label=_("Volver a la caja"),
    )
