"""The billing reports as tables for screen, PDF, workbook and CSV."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row

from app.billing import rules
from app.billing.accounts import LABELS
from app.billing.queries import cash as cash_queries
from app.billing.reports import columns
from app.clinics import queries as clinics
from app.kernel import clock, money
from app.kernel.i18n import N_
from app.reports.registry import ControlTotal, Document, ReportHeader, Sheet, Table

STATES = {"partial": N_("PARCIAL, sin valor de cierre"), "closed": N_("CERRADA"), "observed": N_("OBSERVADA")}
TYPES = {"cobro": N_("cobro"), "devolucion": N_("devolución"), "anulacion": N_("anulación")}
SERIES = "TKT"


def cash(data: cash_queries.DailyCash) -> Document:
    """The daily cash report: blocks for screen and PDF, sheets for the workbook, the detail as CSV."""
    blocks = {table.name: table for table in (*_summary_blocks(data), _print_detail(data), *_closing_blocks(data))}
    detail = _detail(data)
    return Document(
        header=_cash_header(data, _("Reporte de caja diaria")),
        blocks=tuple(blocks.values()),
        sheets=(
            Sheet("Resumen", _summary_blocks(data), _checks()),
            Sheet("Detalle", (detail,)),
            Sheet("Movimientos", (blocks["movements"],)),
            Sheet("Denominaciones", (blocks["coins"],)),
            Sheet("PorTerapeuta", (blocks["therapists"], blocks["services"])),
            Sheet("Anulados", (_voided(data),)),
        ),
        detail=detail,
        context={"cash": data, "blocks": blocks},
    )


def summary(data: cash_queries.DailyCash) -> Document:
    """The same day without the list of receipts."""
    blocks = {table.name: table for table in (*_summary_blocks(data), *_closing_blocks(data))}
    return Document(
        header=_cash_header(data, _("Resumen de caja")),
        blocks=tuple(blocks.values()),
        sheets=(Sheet("Resumen", tuple(blocks.values())),),
        detail=blocks["methods"],
        context={"cash": data, "blocks": blocks},
    )


def paid_tickets(data: cash_queries.PaidTickets) -> Document:
    zone = data.clinic.timezone
    rows = [
        {
            "ticket": rules.ticket_code(row.number),
            "patient": row.patient,
            "document": (row.document_number or "")[-4:],
            "therapist": row.therapist or "",
            "service": row.service or row.concept,
            "service_day": row.service_day,
            "time": clock.local(row.paid_at, zone).time(),
            "amount": row.amount_cents,
            "paid_today": row.paid_today,
        }
        for row in data.rows
    ]
    table = Table("TicketsPagados", N_("Tickets pagados"), columns.TICKET, rows)
    return Document(header=report_header(data.clinic, _("Tickets pagados"), (data.day, data.day)), blocks=(table,))


def report_header(clinic: clinics.ClinicView, title: str, period: tuple[date, date], **more: Any) -> ReportHeader:
    """The header of a report of a clinic."""
    return ReportHeader(
        clinic=clinic.name,
        legal_name=clinic.legal_name,
        tax_id=clinic.tax_id,
        address=clinic.address,
        zone=clinic.timezone,
        currency=clinic.currency,
        title=title,
        period=period,
        **more,
    )


def _cash_header(data: cash_queries.DailyCash, title: str) -> ReportHeader:
    names = [cash_queries.session_code(s) for s in data.sessions]
    details = [(N_("Sesión"), _session_text(s, data.clinic.timezone)) for s in data.sessions]
    if data.methods:
        details.append((N_("Métodos"), ", ".join(line.name for line in data.by_method)))
    closed = data.state != "partial"
    number = _("n.º %(number)s", number=", ".join(names))
    full = f"{title} – {'Z' if closed else 'X'} {number}" if names else title
    return report_header(
        data.clinic,
        full,
        (data.day, data.day),
        state=_(STATES[data.state]),
        details=tuple((_(k), v) for k, v in details),
    )


def _session_text(session: Row[Any], zone: str) -> str:
    opened = clock.local(session.opened_at, zone).strftime("%H:%M")
    text = _(
        "%(number)s, %(till)s: abierta a las %(hour)s por %(name)s",
        number=cash_queries.session_code(session),
        till=session.till,
        hour=opened,
        name=session.opener,
    )
    if session.closed_at:
        closed = clock.local(session.closed_at, zone).strftime("%H:%M")
        text += _("; cerrada a las %(hour)s por %(name)s", hour=closed, name=session.closer or "")
    if session.approver:
        text += _("; aprobada por %(name)s", name=session.approver)
    return text


def _summary_blocks(data: cash_queries.DailyCash) -> tuple[Table, ...]:
    total = data.total
    methods = [
        {
            "name": line.name,
            "operations": line.operations,
            "gross": line.gross,
            "refunds": line.refunds,
            "net": line.net,
            "expected": line.expected,
            "counted": line.counted,
            "difference": line.difference,
            "share": line.net / total if total else 0,
        }
        for line in data.by_method
    ]
    coins = [{"value": value, "pieces": pieces, "subtotal": value * pieces} for value, pieces in data.denominations]
    return (
        Table("methods", N_("Resumen por método"), columns.METHOD, methods),
        Table("box", N_("Efectivo en caja"), columns.BOX, _box_rows(data.box), N_("Efectivo esperado")),
        Table("sessions", N_("Cierres por caja"), columns.SESSION, _session_rows(data)),
        Table("coins", N_("Denominaciones"), columns.COIN, coins),
    )


def _session_rows(data: cash_queries.DailyCash) -> list[dict[str, Any]]:
    return [
        {
            "number": cash_queries.session_code(line.session),
            "till": line.session.till,
            "state": _("Abierta") if line.session.status == "open" else _("Cerrada"),
            "expected": line.expected,
            "counted": line.counted,
            "difference": line.difference,
            "reason": line.session.difference_reason,
            "approver": line.session.approver or "",
        }
        for line in data.by_session
    ]


def _box_rows(box: cash_queries.CashBox) -> list[dict[str, Any]]:
    lines = (
        (_("Saldo inicial"), box.opening),
        (_("Efectivo recibido"), box.received),
        (_("Vueltos entregados"), box.change),
        (_("Devoluciones en efectivo"), box.refunds),
        (_("Otros ingresos"), box.paid_in),
        (_("Retiros y gastos"), box.paid_out),
        (_("Depósitos en banco"), box.deposited),
    )
    return [{"line": line, "cents": cents} for line, cents in lines]


def _closing_blocks(data: cash_queries.DailyCash) -> tuple[Table, ...]:
    zone = data.clinic.timezone
    movements = [
        {
            "time": clock.local(row.received_at, zone).time(),
            "type": _(LABELS[row.kind]),
            "concept": f"{row.concept}: {row.note}" if row.note else row.concept,
            "beneficiary": row.beneficiary,
            "voucher": row.voucher_number,
            "amount": row.amount_cents,
            "authoriser": row.authoriser or "",
        }
        for row in data.movements
    ]
    return (
        Table("movements", N_("Otros movimientos"), columns.MOVEMENT, movements),
        Table("therapists", N_("Por terapeuta"), columns.THERAPIST, _therapist_rows(data.by_therapist)),
        Table("services", N_("Por servicio"), columns.SERVICE, _service_rows(data.by_service)),
        Table("control", N_("Cifras de control"), columns.CONTROL, _control_rows(data)),
    )


def _therapist_rows(lines: Sequence[cash_queries.GroupLine]) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name or _("Sin terapeuta"),
            "attended": line.attended,
            "collected": line.collected,
            "average": _average(line.collected, line.attended or 0),
        }
        for line in lines
    ]


def _service_rows(lines: Sequence[cash_queries.GroupLine]) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name or _("Otros conceptos"),
            "tickets": line.tickets,
            "collected": line.collected,
            "average": _average(line.collected, line.tickets),
        }
        for line in lines
    ]


def _average(cents: int, count: int) -> int | None:
    return (cents + count // 2) // count if count else None


def _control_rows(data: cash_queries.DailyCash) -> list[dict[str, str]]:
    control, currency = data.control, data.clinic.currency
    voided = ", ".join(rules.ticket_ranges(row.number for row in control.voided))
    first_last = " – ".join(rules.ticket_code(n) for n in (control.first, control.last) if n)
    debts = _counted_money(control.debts, control.debts_cents, currency)
    recovered = _counted_money(control.recovered, control.recovered_cents, currency)
    lines = (
        (_("Primer y último ticket emitido"), first_last or "–"),
        (_("Tickets emitidos"), str(control.issued)),
        (_("Tickets anulados"), voided or "–"),
        (_("Cortesías"), str(control.courtesies)),
        (_("Redondeo del efectivo"), _counted_money(control.rounded, control.rounded_cents, currency)),
        (_("Atenciones del día sin pagar por completo"), debts),
        (_("Cobrado de atenciones de días anteriores"), recovered),
    )
    return [{"line": line, "value": value} for line, value in lines]


def _counted_money(count: int, cents: int, currency: str) -> str:
    return f"{count} · {money.format_money(cents, currency)}" if count else "–"


def _print_detail(data: cash_queries.DailyCash) -> Table:
    zone = data.clinic.timezone
    rows = [
        {
            "time": clock.local(row.received_at, zone).time(),
            "ticket": rules.ticket_code(row.number),
            "patient": row.patient,
            "document": (row.document_number or "")[-4:],
            "therapist": rules.short_name(row.therapist or ""),
            "service": row.service or row.ticket_concept,
            "method": data.method_names[row.method_id][1],
            "reference": row.reference,
            "amount": row.amount_cents,
            "cashier": rules.short_name(row.cashier),
            "note": row.note
            or ("" if row.kind == "payment" else _(TYPES[cash_queries.line_type(row.kind, row.ticket_status)])),
            "is_void": row.ticket_status == "voided",
        }
        for row in data.payments
    ]
    return Table("detail", N_("Detalle de cobros"), columns.PAPER, rows, void="is_void")


def _detail(data: cash_queries.DailyCash) -> Table:
    zone = data.clinic.timezone
    sessions = {s.id: cash_queries.session_code(s) for s in data.sessions}
    rows = [
        {
            "day": data.day,
            "time": clock.local(row.received_at, zone).time(),
            "session": sessions[row.session_id],
            "ticket": rules.ticket_code(row.number),
            "series": SERIES,
            "type": _(TYPES[cash_queries.line_type(row.kind, row.ticket_status)]),
            "patient": row.patient,
            "document": row.document_number or "",
            "therapist": row.therapist or "",
            "service": row.service or row.ticket_concept,
            "method": data.method_names[row.method_id][1],
            "reference": row.reference,
            "amount": row.amount_cents,
            "discount": 0,
            "net": row.amount_cents,
            "tendered": row.tendered_cents,
            "change": row.change_cents,
            "cashier": row.cashier,
            "clinic": data.clinic.name,
            "appointment": row.appointment_id,
            "note": row.note,
        }
        for row in data.payments
    ]
    return Table("detail", N_("Detalle"), columns.DETAIL, rows)


def _voided(data: cash_queries.DailyCash) -> Table:
    zone = data.clinic.timezone
    rows = [
        {
            "ticket": rules.ticket_code(row.number),
            "patient": row.patient,
            "concept": row.concept,
            "amount": row.amount_cents,
            "time": clock.local(row.voided_at, zone).time(),
            "voider": row.voider or "",
            "reason": row.void_reason,
        }
        for row in data.control.voided
    ]
    return Table("voided", N_("Tickets anulados"), columns.VOIDED, rows)


def _checks() -> tuple[ControlTotal, ...]:
    net = ("Resumen", "methods", "net")
    return (
        ControlTotal(N_("Resumen menos detalle (debe ser 0)"), net, ("Detalle", "detail", "net")),
        ControlTotal(N_("Resumen menos terapeutas (debe ser 0)"), net, ("PorTerapeuta", "therapists", "collected")),
    )
