"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ = Permission("ticket.read", N_("Ver tickets y pagos de la sede"))
READ_OWN = Permission("ticket.read_own", N_("Ver los propios tickets de paciente"))
VOID = Permission("ticket.void", N_("Anular tickets"))
TAKE_PAYMENT = Permission("payment.take", N_("Cobrar"))
REFUND = Permission("payment.refund", N_("Devolver pagos"))
REFUND_BY_OTHER_METHOD = Permission("payment.refund_by_other_method", N_("Devolver por otro método que el del cobro"))
OPERATE_TILL = Permission("till.operate", N_("Abrir y cerrar caja y registrar movimientos"))
SEE_EXPECTED = Permission("till.see_expected", N_("Ver lo esperado en caja y las cajas de todos"))
APPROVE = Permission("till.approve", N_("Autorizar cierres con diferencia"))

_DESK = (READ, TAKE_PAYMENT, OPERATE_TILL)
_SUPERVISION = (*_DESK, VOID, REFUND, REFUND_BY_OTHER_METHOD, SEE_EXPECTED, APPROVE)
GRANTS = {
    "patient": (READ_OWN,),
    "receptionist": _DESK,
    "supervisor": _SUPERVISION,
    "admin": _SUPERVISION,
}
