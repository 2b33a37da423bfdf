"""Tickets: the list, one of them with its payments, the collect panel, refunds, voiding, the slip."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.billing import actions, forms, permissions, queries, rules
from app.clinics import queries as clinics
from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.kernel import clock, money
from app.kernel.errors import DomainError

pages = PageBlueprint("tickets", __name__)


@pages.get("/tickets", requires=permissions.READ)
def ticket_list() -> Response:
    clinic = clinics.clinic(cycle.clinic_id(permissions.READ))
    today = clock.local_day(cycle.now(), clinic.timezone)
    form = forms.TicketFilter(formdata=request.args)
    day = form.day.data if form.validate() else None
    text = (form.q.data or "").strip()
    if day is None and not text and not form.debts.data:
        day = form.day.data = today
    rows = queries.tickets.search(clinic.id, actor=cycle.actor(), text=text, day=day, debts=bool(form.debts.data))
    if text:
        cycle.note_reading("ticket", clinic_id=clinic.id, action="searched")
    return fragments.page(
        "billing/tickets.html",
        parts={"tickets": "billing/_tickets.html"},
        form=form,
        rows=rows,
        today=today,
        owed_cents=sum(row.owed_cents for row in rows),
        currency=clinic.currency,
        clinic_id=clinic.id,
        query=request.query_string.decode(),
    )


@pages.get("/tickets/<int:ticket_id>", requires=permissions.READ)
def ticket(ticket_id: int) -> Response:
    context = _ticket(ticket_id)
    _note_reading(context["ticket"])
    return fragments.page("billing/ticket.html", parts={"ticket": "billing/_ticket.html"}, **context, collect=None)


def _note_reading(ticket: queries.tickets.TicketView, action: str = "read") -> None:
    cycle.note_reading("ticket", ticket.id, patient_id=ticket.patient_id, clinic_id=ticket.clinic_id, action=action)


def _ticket(ticket_id: int) -> dict[str, Any]:
    ticket = queries.tickets.ticket(ticket_id, actor=cycle.actor())
    clinic = clinics.clinic(ticket.clinic_id)
    return {
        "ticket": ticket,
        "payments": queries.tickets.payments(ticket_id),
        "zone": clinic.timezone,
        "today": clock.local_day(cycle.now(), clinic.timezone),
        "kept": _kept(ticket),
        "slots": screens.places(screens.TICKET, cycle.actor(), ticket_id),
    }


def _kept(ticket: queries.tickets.TicketView) -> int:
    """What was put aside from a ticket for its patient and is still there."""
    if ticket.status != "voided" or not ticket.credit_cents:
        return 0
    return queries.credit.left_of_ticket(ticket.id, ticket.patient_id, clinic_id=ticket.clinic_id)


# ------------------------------------------------------------------ collecting


@pages.get("/tickets/<int:ticket_id>/payment", requires=permissions.TAKE_PAYMENT)
def payment_panel(ticket_id: int) -> Response:
    return _collect(ticket_id, None)


def _retry_payment(*, form: forms.PaymentForm, error: DomainError | None, ticket_id: int) -> Response:
    form.add_summary(error)
    return _collect(ticket_id, form)


@pages.post(
    "/tickets/<int:ticket_id>/payments",
    requires=permissions.TAKE_PAYMENT,
    form=forms.PaymentForm,
    retry=_retry_payment,
)
def take_payment(ticket_id: int, form: forms.PaymentForm) -> Response:
    payment = actions.payments.take_payment(
        ticket_id,
        method=form.method.data or "",
        amount_cents=form.amount.data,
        tendered_cents=_tendered(ticket_id, form),
        reference=form.reference.data or "",
        note=form.note.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _taken(payment)


def _tendered(ticket_id: int, form: forms.PaymentForm) -> int | None:
    """The tendered cents; None for methods other than cash, whose hidden field keeps its former value."""
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=cycle.actor())
    is_cash = any(m.is_cash and m.code == form.method.data for m in queries.tills.methods(clinic_id))
    return form.tendered.data if is_cash else None


def _collect(ticket_id: int, form: forms.PaymentForm | None) -> Response:
    """The side panel, or without JavaScript the ticket's page with the panel in it."""
    context = _ticket(ticket_id)
    ticket = context["ticket"]
    methods = queries.tills.methods(ticket.clinic_id)
    if form is None:
        form = forms.PaymentForm(formdata=None, method=methods[0].code if methods else "", amount=ticket.owed_cents)
    collect = {
        "form": form.with_submission_id(),
        "methods": methods,
        "debts": queries.tickets.other_debts(ticket, actor=cycle.actor()),
        "till": next(iter(queries.tills.open_sessions(ticket.clinic_id, actor=cycle.actor())), None),
        "quick": rules.quick_cash(ticket.owed_cents),
    }
    return fragments.page(
        "billing/ticket.html",
        parts={"panel": "billing/_collect_panel.html"},
        collect=collect,
        **context,
    )


def _taken(payment: actions.payments.Payment) -> Response:
    ticket = queries.tickets.ticket(payment.ticket_id, actor=cycle.actor())
    html = fragments.render_partial(
        "billing/_paid_panel.html",
        ticket=ticket,
        payment=payment,
        debts=queries.tickets.other_debts(ticket, actor=cycle.actor()),
    )
    toast = _("Cobrado %(amount)s.", amount=money.format_money(payment.amount_cents, ticket.currency))
    if payment.change_cents:
        toast += " " + _("Vuelto: %(change)s.", change=money.format_money(payment.change_cents, ticket.currency))
    return fragments.fragment_response(html, redirect_url=f"/tickets/{ticket.id}", toast=toast)


# ------------------------------------------------------------------ refunds and voids


@pages.get("/payments/<int:payment_id>/refund", requires=permissions.REFUND)
def refund_form(payment_id: int) -> Response:
    return _refund(payment_id, forms.RefundForm())


def _retry_refund(*, form: forms.RefundForm, error: DomainError | None, payment_id: int) -> Response:
    form.add_summary(error)
    return _refund(payment_id, form)


@pages.post(
    "/payments/<int:payment_id>/refund", requires=permissions.REFUND, form=forms.RefundForm, retry=_retry_refund
)
def refund(payment_id: int, form: forms.RefundForm) -> Response:
    refunded = actions.payments.refund_payment(
        payment_id,
        reason=form.reason.data or "",
        overdraw_reason=form.overdraw_reason.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _changed(refunded.ticket_id, _("Pago devuelto. Entregue el dinero al paciente."))


def _refund(payment_id: int, form: forms.RefundForm) -> Response:
    payment = queries.tickets.payment(payment_id, actor=cycle.actor())
    return _reason(
        form,
        title=_("Devolver %(amount)s", amount=money.format_money(payment.amount_cents)),
        description=_("Se registra una línea nueva en la caja abierta; el cobro original queda como está."),
        action=f"/payments/{payment_id}/refund",
        label=_("Devolver"),
        back=f"/tickets/{payment.ticket_id}",
    )


@pages.get("/tickets/<int:ticket_id>/void", requires=permissions.VOID)
def void_form(ticket_id: int) -> Response:
    return _void(ticket_id, forms.ReasonForm())


def _retry_void(*, form: forms.ReasonForm, error: DomainError | None, ticket_id: int) -> Response:
    form.add_summary(error)
    return _void(ticket_id, form)


@pages.post("/tickets/<int:ticket_id>/void", requires=permissions.VOID, form=forms.ReasonForm, retry=_retry_void)
def void(ticket_id: int, form: forms.ReasonForm) -> Response:
    actions.tickets.void_ticket(ticket_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(ticket_id, _("Ticket anulado. Su número no se vuelve a usar."))


def _void(ticket_id: int, form: forms.ReasonForm) -> Response:
    ticket = queries.tickets.ticket(ticket_id, actor=cycle.actor())
    return _reason(
        form,
        title=_("Anular %(code)s", code=ticket.code),
        description=_("El ticket deja de deberse. Su número queda ocupado y se muestra como anulado."),
        action=f"/tickets/{ticket_id}/void",
        label=_("Anular ticket"),
        back=f"/tickets/{ticket_id}",
    )


def _reason(form: forms.ReasonForm, **texts: Any) -> Response:
    return fragments.page(
        "billing/reason.html",
        parts={"dialog-body": "billing/_reason_form.html"},
        form=form.with_submission_id(),
        back_label="",
        **texts,
    )


def _changed(ticket_id: int, toast: str) -> Response:
    return fragments.fragment_response(redirect_url=f"/tickets/{ticket_id}", toast=toast, close_dialog=True)


@pages.post("/tickets/<int:ticket_id>/credit", requires=permissions.TAKE_PAYMENT)
def keep_credit(ticket_id: int) -> Response:
    """What is due back stays with the clinic, for the patient."""
    actions.credit.keep(ticket_id, actor=cycle.actor(), now=cycle.now())
    return _changed(ticket_id, _("Quedó a favor del paciente. Úselo al cobrar otra visita."))


@pages.post("/tickets/<int:ticket_id>/credit/return", requires=permissions.REFUND)
def return_credit(ticket_id: int) -> Response:
    actions.credit.give_back(ticket_id, actor=cycle.actor(), now=cycle.now())
    return _changed(ticket_id, _("El saldo a favor está por devolver. Devuelva ahora el pago."))


# ------------------------------------------------------------------ the slip


@pages.get("/tickets/<int:ticket_id>/slip", requires=permissions.READ)
def slip(ticket_id: int) -> Response:
    context = _ticket(ticket_id)
    clinic = clinics.clinic(context["ticket"].clinic_id)
    prints = queries.tickets.prints_of(ticket_id)
    return fragments.page(
        "billing/slip.html", issuer=clinic, prints=prints, copy=prints - 1, now=cycle.now(), **context
    )


@pages.post("/tickets/<int:ticket_id>/slip", requires=permissions.READ)
def print_slip(ticket_id: int) -> Response:
    actions.tickets.print_slip(ticket_id, actor=cycle.actor(), now=cycle.now())
    _note_reading(queries.tickets.ticket(ticket_id, actor=cycle.actor()), action="printed")
    return fragments.redirect_to(f"/tickets/{ticket_id}/slip")
