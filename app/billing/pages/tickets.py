"""Tickets: the list, one of them with its payments, the collect panel, refunds, voiding, the slip."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.billing import actions, forms, permissions, queries, rules
from app.clinics import queries as clinics
from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.kernel import clock, money
from app.kernel.access import can
from app.patients import queries as patients

pages = PageBlueprint("tickets", __name__)


@pages.get("/tickets", requires=permissions.READ)
def ticket_list() -> Response:
    clinic = clinics.clinic(cycle.clinic_id(permissions.READ))
    today = clock.local_day(cycle.now(), clinic.timezone)
    form = forms.TicketFilter(formdata=request.args)
    day = form.day.data if form.validate() else None
    text = (form.q.data or "").strip()
    if text:
        day = form.day.data = None  # who looks for a number or a name means any day
    elif day is None and not form.debts.data:
        day = form.day.data = today
    debts = bool(form.debts.data)
    rows = queries.tickets.search(clinic.id, actor=cycle.actor(), text=text, day=day, debts=debts, today=today)
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
    payments = queries.payments.of_ticket(ticket_id)
    asks = any(line.left_cents for line in payments) and not ticket.can_refund
    return {
        "ticket": ticket,
        "issuer": clinic,
        "payments": payments,
        "refunders": queries.payments.refunders(ticket.clinic_id, now=cycle.now()) if asks else [],
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


@pages.get("/patients/<int:patient_id>/payment", requires=permissions.TAKE_PAYMENT)
def patient_payment(patient_id: int) -> Response:
    """The panel for what a patient owes: the oldest ticket first. Who owes nothing is told so."""
    patient = patients.get(patient_id, actor=cycle.actor())
    ticket_id = queries.debts.oldest(patient_id, actor=cycle.actor())
    if ticket_id is not None:
        return _collect(ticket_id, None)
    toast = _("%(name)s no debe nada.", name=patient["full_name"])
    response = fragments.fragment_response(redirect_url=f"/patients/{patient_id}", toast=toast)
    response.headers["HX-Reswap"] = "none"
    return response


def _retry_payment(*, form: forms.PaymentForm, ticket_id: int) -> Response:
    return _collect(ticket_id, form)


@pages.post(
    "/tickets/<int:ticket_id>/payments",
    requires=permissions.TAKE_PAYMENT,
    form=forms.PaymentForm,
    retry=_retry_payment,
)
def take_payment(ticket_id: int, form: forms.PaymentForm) -> Response:
    amount, tendered = _amounts(ticket_id, form)
    payment = actions.payments.take_payment(
        ticket_id,
        method=form.method.data or "",
        amount_cents=amount,
        tendered_cents=tendered,
        reference=form.reference.data or "",
        reference_reason=form.reference_reason.data or "",
        note=form.note.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _taken(payment)


def _amounts(ticket_id: int, form: forms.PaymentForm) -> tuple[int | None, int | None]:
    """The amount and the tendered cents; on account, less was given than the amount and that is taken.

    None tendered for methods other than cash, whose hidden field keeps its former value.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=cycle.actor())
    is_cash = any(m.is_cash and m.code == form.method.data for m in queries.tills.methods(clinic_id))
    tendered = form.tendered.data if is_cash else None
    if form.on_account.data and tendered and form.amount.data and tendered < form.amount.data:
        return tendered, tendered
    return form.amount.data, tendered


def _collect(ticket_id: int, form: forms.PaymentForm | None, taken: actions.payments.Payment | None = None) -> Response:
    """The side panel, or without JavaScript the ticket's page with the panel in it.

    After a payment of a part (``taken``) it asks for the rest, by another method.
    """
    context = _ticket(ticket_id)
    context["collect"] = _panel(context, form, taken)
    if taken is not None:
        html = fragments.render_partial("billing/_collect_panel.html", **context)
        return fragments.fragment_response(html, redirect_url=f"/tickets/{ticket_id}/payment", toast=_toast(taken))
    return fragments.page("billing/ticket.html", parts={"panel": "billing/_collect_panel.html"}, **context)


def _panel(
    context: dict[str, Any], form: forms.PaymentForm | None, taken: actions.payments.Payment | None
) -> dict[str, Any]:
    actor, ticket, clinic, payments = cycle.actor(), context["ticket"], context["issuer"], context["payments"]
    methods = queries.tills.methods(ticket.clinic_id)
    if form is None:
        used = {line.method for line in payments if line.left_cents}
        following = next((m for m in methods if m.code not in used), next(iter(methods), None))
        form = forms.PaymentForm(formdata=None, method=following.code if following else "", amount=ticket.owed_cents)
    chosen = next((m for m in methods if m.code == form.method.data), None)
    asks_reference = bool(form.reference.errors) or (chosen is not None and chosen.needs_reference)
    in_cash = money.round_cash(ticket.owed_cents, ticket.currency, clinic.cash_rounding)
    debts = queries.tickets.other_debts(ticket, today=context["today"], actor=actor)
    return {
        "form": form.with_submission_id(),
        "methods": methods,
        "debts": debts,
        "total_cents": ticket.owed_cents + sum(debt.owed_cents for debt in debts),
        "till": next(iter(queries.tills.open_sessions(ticket.clinic_id, actor=actor)), None),
        "quick": rules.quick_cash(in_cash, ticket.currency),
        "in_cash_cents": in_cash,
        "taken": taken,
        "taken_by": next((m.name for m in methods if taken and m.code == taken.method), _("Saldo a favor")),
        "focus": "reference" if asks_reference else "tendered" if chosen and chosen.is_cash else "amount",
        "may_repeat": bool(form.reference.errors) and can(actor, permissions.APPROVE, ticket.clinic_id),
    }


def _taken(payment: actions.payments.Payment) -> Response:
    ticket = queries.tickets.ticket(payment.ticket_id, actor=cycle.actor())
    if ticket.owed_cents > 0:
        return _collect(ticket.id, None, taken=payment)
    today = clock.local_day(cycle.now(), clinics.clinic(ticket.clinic_id).timezone)
    debts = queries.tickets.other_debts(ticket, today=today, actor=cycle.actor())
    html = fragments.render_partial("billing/_paid_panel.html", ticket=ticket, payment=payment, debts=debts)
    return fragments.fragment_response(html, redirect_url=f"/tickets/{ticket.id}", toast=_toast(payment))


def _toast(payment: actions.payments.Payment) -> str:
    currency = queries.tickets.ticket(payment.ticket_id, actor=cycle.actor()).currency
    text = _("Cobrado %(amount)s.", amount=money.format_money(payment.amount_cents, currency))
    if payment.change_cents:
        text += " " + _("Vuelto: %(change)s.", change=money.format_money(payment.change_cents, currency))
    return text


# ------------------------------------------------------------------ refunds and voids


@pages.get("/payments/<int:payment_id>/refund", requires=permissions.REFUND)
def refund_form(payment_id: int) -> Response:
    return _refund(payment_id, None)


def _retry_refund(*, form: forms.RefundForm, payment_id: int) -> Response:
    return _refund(payment_id, form)


@pages.post(
    "/payments/<int:payment_id>/refund", requires=permissions.REFUND, form=forms.RefundForm, retry=_retry_refund
)
def refund(payment_id: int, form: forms.RefundForm) -> Response:
    payment = queries.payments.payment(payment_id, actor=cycle.actor())
    refunded = actions.refunds.refund_payment(
        payment_id,
        reason=form.reason.data or "",
        amount_cents=form.amount.data,
        method=form.method.data or "",
        reference=form.reference.data or "",
        then=form.then.data or ("" if _empties(payment, form.amount.data) else "owed"),
        overdraw_reason=form.overdraw_reason.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    amount = money.format_money(-refunded.amount_cents, payment.currency)
    toast = _("Devuelto %(amount)s. Entregue el dinero al paciente.", amount=amount)
    return _changed(refunded.ticket_id, toast)


def _empties(payment: queries.payments.RefundablePayment, cents: int | None) -> bool:
    """Whether no money stays on a ticket that still charges, so that somebody has to say what becomes of it."""
    if cents != payment.left_cents:
        return False
    balance = queries.tickets.balance(payment.ticket_id)
    return balance.charged_cents > 0 and balance.paid_cents == cents - payment.rounding_cents


def _refund(payment_id: int, form: forms.RefundForm | None) -> Response:
    actor = cycle.actor()
    payment = queries.payments.payment(payment_id, actor=actor)
    if form is None:
        form = forms.RefundForm(formdata=None, amount=payment.left_cents, method=payment.method)
    methods = queries.tills.methods(payment.clinic_id)
    own = SelectChoice(payment.method, payment.method_name)
    may_choose = can(actor, permissions.REFUND_BY_OTHER_METHOD, payment.clinic_id)
    others = [SelectChoice(m.code, m.name) for m in methods if may_choose and m.code != payment.method]
    form.method.choices = [own, *others]
    return fragments.page(
        "billing/refund.html",
        parts={"dialog-body": "billing/_refund_form.html"},
        form=form.with_submission_id(),
        payment=payment,
        empties=_empties(payment, payment.left_cents),
        title=_("Devolver %(amount)s", amount=money.format_money(payment.left_cents, payment.currency)),
    )


@pages.get("/tickets/<int:ticket_id>/void", requires=permissions.VOID)
def void_form(ticket_id: int) -> Response:
    return _void(ticket_id, forms.ReasonForm())


def _retry_void(*, form: forms.ReasonForm, ticket_id: int) -> Response:
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


@pages.get("/tickets/<int:ticket_id>/courtesy", requires=permissions.VOID)
def courtesy_form(ticket_id: int) -> Response:
    return _courtesy(ticket_id, forms.ReasonForm())


def _retry_courtesy(*, form: forms.ReasonForm, ticket_id: int) -> Response:
    return _courtesy(ticket_id, form)


@pages.post(
    "/tickets/<int:ticket_id>/courtesy", requires=permissions.VOID, form=forms.ReasonForm, retry=_retry_courtesy
)
def courtesy(ticket_id: int, form: forms.ReasonForm) -> Response:
    actions.tickets.give_courtesy(ticket_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(ticket_id, _("Cortesía registrada. El paciente no debe nada de este ticket."))


def _courtesy(ticket_id: int, form: forms.ReasonForm) -> Response:
    ticket = queries.tickets.ticket(ticket_id, actor=cycle.actor())
    return _reason(
        form,
        title=_("Dar de cortesía %(code)s", code=ticket.code),
        description=_("La atención se dio y no se cobra. El ticket sigue abierto y no debe nada."),
        action=f"/tickets/{ticket_id}/courtesy",
        label=_("Dar de cortesía"),
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
    prints = queries.tickets.prints_of(ticket_id)
    return fragments.page(
        "billing/slip.html",
        prints=prints,
        copy=prints - 1,
        prints_now="print" in request.args,
        now=cycle.now(),
        **context,
    )


@pages.post("/tickets/<int:ticket_id>/slip", requires=permissions.READ)
def print_slip(ticket_id: int) -> Response:
    actions.tickets.print_slip(ticket_id, actor=cycle.actor(), now=cycle.now())
    _note_reading(queries.tickets.ticket(ticket_id, actor=cycle.actor()), action="printed")
    return fragments.redirect_to(f"/tickets/{ticket_id}/slip?print")
