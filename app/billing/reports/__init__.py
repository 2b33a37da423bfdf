"""Billing reports: the improved daily cash report, its summary, the tickets paid on a day."""

from datetime import date, datetime

from app.billing.queries import cash
from app.billing.reports import serializers, tables
from app.clinics import queries as clinics
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.reports.registry import DayParams, ParameterDefaults, Report


def load_cash(*, clinic_id: int, params: DayParams, actor: Actor, now: datetime) -> cash.DailyCash:
    day = params.date or _today(clinic_id, now)
    return cash.daily_cash(clinic_id=clinic_id, day=day, actor=actor, methods=params.payment_methods)


def load_paid_tickets(*, clinic_id: int, params: DayParams, actor: Actor, now: datetime) -> cash.PaidTickets:
    day = params.date or _today(clinic_id, now)
    return cash.paid_tickets(clinic_id=clinic_id, day=day, actor=actor)


def _today(clinic_id: int, now: datetime) -> date:
    return clock.local_day(now, clinics.clinic(clinic_id).timezone)


def day_defaults(*, clinic_id: int, now: datetime) -> ParameterDefaults:
    return ParameterDefaults({"date": _today(clinic_id, now).isoformat()})


def day_and_method_defaults(*, clinic_id: int, now: datetime) -> ParameterDefaults:
    methods = cash.method_choices(clinic_id)
    return ParameterDefaults({"date": _today(clinic_id, now).isoformat()}, {"payment_methods": methods})


DAILY_CASH = Report(
    code="improved-daily-cash",
    export_name="caja-chica-mejorada",
    title=N_("Caja diaria"),
    description=N_("Cobros del día uno por uno, por método, por terapeuta y por servicio, con el arqueo de la caja."),
    params=DayParams,
    load=load_cash,
    to_json=serializers.cash,
    document=tables.cash,
    defaults=day_and_method_defaults,
    row_count=lambda data: len(data.payments) + len(data.movements),
    template="billing/print/_daily_cash.html",
    icon="cash-register",
)
CASH_SUMMARY = Report(
    code="daily-cash",
    export_name="resumen-caja",
    title=N_("Resumen de caja"),
    description=N_("Totales del día por método y por terapeuta, y el efectivo que debe haber en caja."),
    params=DayParams,
    load=load_cash,
    to_json=serializers.summary,
    document=tables.summary,
    defaults=day_and_method_defaults,
    row_count=lambda data: len(data.movements),
    names_people=False,
    template="billing/print/_daily_cash.html",
    icon="wallet",
)
PAID_TICKETS = Report(
    code="daily-paid-tickets",
    export_name="tickets-pagados",
    title=N_("Tickets pagados"),
    description=N_("Tickets que quedaron pagados por completo ese día."),
    params=DayParams,
    load=load_paid_tickets,
    to_json=serializers.paid_tickets,
    document=tables.paid_tickets,
    defaults=day_defaults,
    row_count=lambda data: len(data.rows),
    icon="ticket",
)
REPORTS = (DAILY_CASH, CASH_SUMMARY, PAID_TICKETS)
