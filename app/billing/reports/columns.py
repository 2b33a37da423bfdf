"""The columns of the money reports; those of the workbook's detail are named as in the clinics' own sheets."""

from app.kernel.i18n import N_
from app.reports.registry import Column

METHOD = (
    Column("name", N_("Método"), width=18),
    Column("operations", N_("Oper."), "number", 8, total=True),
    Column("gross", N_("Cobrado"), "money", 14, total=True),
    Column("refunds", N_("Devuelto"), "money", 13, total=True),
    Column("net", N_("Neto"), "money", 14, total=True, formula="{gross}+{refunds}"),
    Column("counted", N_("Contado"), "money", 14, total=True),
    Column("difference", N_("Diferencia"), "money", 12, total=True),
    Column("share", N_("% del total"), "percent", 10),
)
BOX = (Column("line", N_("Concepto"), width=26), Column("cents", N_("Importe"), "money", 14, total=True))
COIN = (
    Column("value", N_("Valor"), "money", 12),
    Column("pieces", N_("Cantidad"), "number", 10),
    Column("subtotal", N_("Subtotal"), "money", 14, total=True, formula="{value}*{pieces}"),
)
GROUP = (
    Column("name", N_("Nombre"), width=26),
    Column("tickets", N_("Atenciones"), "number", 11, total=True),
    Column("collected", N_("Cobrado"), "money", 14, total=True),
    Column("average", N_("Promedio"), "money", 12),
)
PAPER = (
    Column("time", N_("Hora"), "time", 6),
    Column("ticket", N_("Ticket"), width=14),
    Column("patient", N_("Paciente"), width=19),
    Column("document", N_("Doc."), width=6),
    Column("therapist", N_("Terapeuta"), width=11),
    Column("service", N_("Servicio o concepto"), width=13),
    Column("method", N_("Método"), width=15),
    Column("reference", N_("Referencia"), width=11),
    Column("amount", N_("Importe"), "money", 9, total=True),
    Column("cashier", N_("Recibió"), width=11),
    Column("note", N_("Nota"), width=7),
)
DETAIL = (
    Column("day", N_("fecha"), "date", 12),
    Column("time", N_("hora"), "time", 8),
    Column("session", N_("sesion"), width=16),
    Column("ticket", N_("ticket"), width=13),
    Column("series", N_("serie"), width=7),
    Column("type", N_("tipo"), width=11),
    Column("patient", N_("paciente"), width=30),
    Column("document", N_("documento"), width=12),
    Column("therapist", N_("terapeuta"), width=20),
    Column("service", N_("servicio"), width=24),
    Column("method", N_("metodo"), width=14),
    Column("reference", N_("referencia"), width=16),
    Column("amount", N_("bruto"), "money", 13, total=True),
    Column("discount", N_("descuento"), "money", 12, total=True),
    Column("net", N_("neto"), "money", 13, total=True, formula="{amount}-{discount}"),
    Column("tendered", N_("recibido"), "money", 13),
    Column("change", N_("vuelto"), "money", 12),
    Column("cashier", N_("cajero"), width=18),
    Column("clinic", N_("sede"), width=20),
    Column("appointment", N_("cita_id"), "number", 9),
    Column("note", N_("observación"), width=24),
)
MOVEMENT = (
    Column("time", N_("Hora"), "time", 6),
    Column("type", N_("Tipo"), width=14),
    Column("concept", N_("Concepto"), width=26),
    Column("beneficiary", N_("Beneficiario"), width=20),
    Column("voucher", N_("Comprobante"), width=14),
    Column("amount", N_("Importe"), "money", 13, total=True),
    Column("authoriser", N_("Autorizó"), width=16),
)
VOIDED = (
    Column("ticket", N_("Ticket"), width=13),
    Column("patient", N_("Paciente"), width=30),
    Column("concept", N_("Concepto"), width=26),
    Column("amount", N_("Importe"), "money", 13, total=True),
    Column("time", N_("Hora"), "time", 8),
    Column("voider", N_("Anuló"), width=18),
    Column("reason", N_("Motivo"), width=34),
)
CONTROL = (Column("line", N_("Control"), width=40), Column("value", N_("Valor"), width=24))
TICKET = (
    Column("ticket", N_("Ticket"), width=12),
    Column("patient", N_("Paciente"), width=28),
    Column("document", N_("Doc."), width=6),
    Column("therapist", N_("Terapeuta"), width=16),
    Column("service", N_("Servicio"), width=20),
    Column("service_day", N_("Atención"), "date", 11),
    Column("time", N_("Pagado"), "time", 7),
    Column("amount", N_("Importe"), "money", 12, total=True),
    Column("paid_today", N_("Cobrado hoy"), "money", 12, total=True),
)
