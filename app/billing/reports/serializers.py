"""The billing reports as JSON: the Spanish names of docs/interface.md, amounts as decimal text, instants in UTC."""

from typing import Any

from app.billing import rules
from app.billing.queries import cash as cash_queries
from app.kernel import money


def cash(data: cash_queries.DailyCash) -> dict[str, Any]:
    """The improved daily cash report: the five documented keys, then the blocks of the report."""
    return {"fecha": data.day, "pagos_detallados": _payments(data), **summary(data)}


_PAYMENT_COLUMNS = (
    "id",
    "kind",
    "ticket_status",
    "number",
    "amount_cents",
    "method_id",
    "patient",
    "therapist",
    "received_at",
    "service",
    "ticket_concept",
    "reference",
    "cashier",
    "session_id",
)


def _payments(data: cash_queries.DailyCash) -> list[dict[str, Any]]:
    """One dict per payment, built from row columns, since a day may have thousands."""
    text, line_type = money.decimal_text, cash_queries.line_type
    codes = {method: code for method, (code, _name) in data.method_names.items()}
    sessions = {s.id: cash_queries.session_code(s) for s in data.sessions}
    return [
        {
            "tipo": line_type(kind, status),
            "id": id_,
            "ticket_number": f"TKT-{number:06d}",
            "monto": text(cents),
            "metodo_pago": codes[method_id],
            "paciente": patient,
            "terapeuta": therapist,
            "fecha_pago": at,
            "servicio": service or concept,
            "referencia": reference,
            "cajero": cashier,
            "sesion": sessions[session_id],
        }
        for (
            id_, kind, status, number, cents, method_id, patient, therapist, at,
            service, concept, reference, cashier, session_id,
        ) in cash_queries.columns(data.payments, *_PAYMENT_COLUMNS)
    ]  # fmt: skip


def summary(data: cash_queries.DailyCash) -> dict[str, Any]:
    """The daily cash report without its detail."""
    text = money.decimal_text
    return {
        "fecha": data.day,
        "clinic_id": data.clinic.id,
        "clinica": data.clinic.name,
        "currency": data.clinic.currency,
        "estado": data.state,
        "resumen_por_metodo": [
            {
                "metodo": line.code,
                "nombre": line.name,
                "cantidad_pagos": line.operations,
                "total": text(line.net),
                "bruto": text(line.gross),
                "devoluciones": text(line.refunds),
                "esperado": _decimal_or_none(line.expected),
                "contado": _decimal_or_none(line.counted),
                "diferencia": _decimal_or_none(line.difference),
            }
            for line in data.by_method
        ],
        "total_general": text(data.total),
        "cantidad_total_pagos": len(data.payments),
        "caja": _box_json(data.box),
        "denominaciones": [
            {"valor": text(value), "cantidad": pieces, "subtotal": text(value * pieces)}
            for value, pieces in data.denominations
        ],
        "movimientos": [
            {
                "id": row.id,
                "tipo": row.kind,
                "hora": row.received_at,
                "concepto": row.concept,
                "beneficiario": row.beneficiary,
                "comprobante": row.voucher_number,
                "metodo": data.method_names[row.method_id][0],
                "monto": text(row.amount_cents),
                "autorizado_por": row.authoriser,
            }
            for row in data.movements
        ],
        "por_terapeuta": [_group_json(line) for line in data.by_therapist],
        "por_servicio": [_group_json(line) for line in data.by_service],
        "control": _control_json(data.control),
        "sesiones": [
            {
                "numero": cash_queries.session_code(s),
                "caja": s.till,
                "estado": s.status,
                "abierta": s.opened_at,
                "cerrada": s.closed_at,
                "abierta_por": s.opener,
                "cerrada_por": s.closer,
                "aprobada_por": s.approver,
                "huella": s.snapshot_sha256,
                "esperado": _decimal_or_none(line.expected),
                "contado": _decimal_or_none(line.counted),
                "diferencia": _decimal_or_none(line.difference),
                "motivo": s.difference_reason,
            }
            for line in data.by_session
            for s in (line.session,)
        ],
    }


def _decimal_or_none(cents: int | None) -> str | None:
    return None if cents is None else money.decimal_text(cents)


def _group_json(line: cash_queries.GroupLine) -> dict[str, Any]:
    return {
        "id": line.key,
        "nombre": line.name or None,
        "tickets": line.tickets,
        "atenciones": line.attended,
        "total": money.decimal_text(line.collected),
    }


def _box_json(box: cash_queries.CashBox) -> dict[str, Any]:
    return {
        "saldo_inicial": money.decimal_text(box.opening),
        "efectivo_recibido": money.decimal_text(box.received),
        "vueltos": money.decimal_text(box.change),
        "devoluciones": money.decimal_text(box.refunds),
        "ingresos": money.decimal_text(box.paid_in),
        "egresos": money.decimal_text(box.paid_out),
        "depositos": money.decimal_text(box.deposited),
        "esperado": money.decimal_text(box.expected),
        "contado": _decimal_or_none(box.counted),
        "diferencia": _decimal_or_none(box.difference),
        "queda_en_caja": _decimal_or_none(box.left),
    }


def _control_json(control: cash_queries.Control) -> dict[str, Any]:
    return {
        "primer_ticket": control.first and rules.ticket_code(control.first),
        "ultimo_ticket": control.last and rules.ticket_code(control.last),
        "tickets_emitidos": control.issued,
        "cortesias": control.courtesies,
        "redondeo": {"cantidad": control.rounded, "total": money.decimal_text(control.rounded_cents)},
        "anulados": [rules.ticket_code(row.number) for row in control.voided],
        "deudas_del_dia": {"cantidad": control.debts, "total": money.decimal_text(control.debts_cents)},
        "deudas_cobradas": {"cantidad": control.recovered, "total": money.decimal_text(control.recovered_cents)},
    }


def paid_tickets(data: cash_queries.PaidTickets) -> dict[str, Any]:
    return {
        "fecha": data.day,
        "clinic_id": data.clinic.id,
        "currency": data.clinic.currency,
        "tickets": [
            {
                "id": row.id,
                "ticket_number": rules.ticket_code(row.number),
                "paciente": row.patient,
                "terapeuta": row.therapist,
                "servicio": row.service or row.concept,
                "fecha_servicio": row.service_day,
                "monto": money.decimal_text(row.amount_cents),
                "cobrado_hoy": money.decimal_text(row.paid_today),
                "fecha_pago": row.paid_at,
            }
            for row in data.rows
        ],
        "total_general": money.decimal_text(sum(row.amount_cents for row in data.rows)),
        "total_cobrado_hoy": money.decimal_text(sum(row.paid_today for row in data.rows)),
        "cantidad_total": len(data.rows),
    }
