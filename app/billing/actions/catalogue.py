"""Default payment methods and till of a clinic. Document series are created on first use."""

from sqlalchemy import select

from app.billing.models import PaymentMethod, Till
from app.kernel.db import db, insert

# code, name, is cash, needs a reference, commission in hundredths of a percent
METHODS = (
    ("efectivo", "Efectivo", True, False, 0),
    ("yape", "Yape", False, True, 0),
    ("plin", "Plin", False, True, 0),
    ("tarjeta", "Tarjeta", False, True, 350),
    ("transferencia", "Transferencia", False, True, 0),
)


def create_default_payment_methods(clinic_id: int) -> None:
    """Create the default payment methods and a till of a clinic; existing ones stay unchanged."""
    rows = [
        {
            "clinic_id": clinic_id,
            "code": code,
            "name": name,
            "is_cash": is_cash,
            "needs_reference": needs_reference,
            "commission_bp": commission,
            "position": position,
            "is_active": True,
        }
        for position, (code, name, is_cash, needs_reference, commission) in enumerate(METHODS)
    ]
    db.session.execute(insert(PaymentMethod).values(rows).on_conflict_do_nothing())
    if db.session.scalar(select(Till.id).where(Till.clinic_id == clinic_id).limit(1)) is None:
        db.session.add(Till(clinic_id=clinic_id, name="Caja principal"))
