"""The demo's payment methods and tills."""

from typing import Any

from app.billing.models import PaymentMethod, Till
from app.kernel.demo import DemoContext, numbered, put
from app.tenancy.demo import AREQUIPA, MIRAFLORES

METHODS = (  # code, name, is cash, needs a reference, commission in hundredths of a percent
    ("efectivo", "Efectivo", True, False, 0),
    ("yape", "Yape", False, True, 0),
    ("plin", "Plin", False, True, 0),
    ("tarjeta", "Tarjeta", False, True, 350),
    ("transferencia", "Transferencia", False, True, 0),
)
CODES = tuple(code for code, *_ in METHODS)
CLINICS = (MIRAFLORES, AREQUIPA)


def write_catalogue(_context: DemoContext) -> None:
    put(PaymentMethod, numbered([_method(clinic, position) for clinic in CLINICS for position in range(len(METHODS))]))
    tills = ((MIRAFLORES, "Caja principal"), (MIRAFLORES, "Caja 2"), (AREQUIPA, "Caja principal"))
    put(Till, numbered([_till(clinic, name) for clinic, name in tills]))


def method_id(clinic_id: int, code: str) -> int:
    return CLINICS.index(clinic_id) * len(CODES) + CODES.index(code) + 1


def _method(clinic_id: int, position: int) -> dict[str, Any]:
    code, name, is_cash, needs_reference, commission = METHODS[position]
    return {
        "clinic_id": clinic_id,
        "code": code,
        "name": name,
        "is_cash": is_cash,
        "needs_reference": needs_reference,
        "commission_bp": commission,
        "position": position,
        "is_active": True,
    }


def _till(clinic_id: int, name: str) -> dict[str, Any]:
    return {"clinic_id": clinic_id, "name": name, "kind": "recaudadora", "is_active": True}
