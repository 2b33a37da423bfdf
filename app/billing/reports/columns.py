"""The columns of the money reports."""

from app.kernel.i18n import N_
from app.reports.registry import Column

METHOD = (
    Column("name", N_("Método"), width=18),
    Column("operations", N_("Oper."), "number", 8, total=True),
    Column("gross", N_("Cobrado"), "money", 14, total=True),
    Column("refunds", N_("Devuelto"), "money", 13, total=True),
    Column("net", N_("Neto"), "money", 14, total=True, formula="{gross}+{refunds}"),
    Column("expected", N_("Debe haber"), "money", 14, total=True),
    Column("counted", N_("Contado"), "money", 14, total=True),
    Column("difference", N_("Diferencia"), "money", 13, total=True),
    Column("share", N_("% del total"), "percent", 13),
)
BOX = (Column("line", N_("Concepto"), width=26), Column("cents", N_("Importe"), "money", 14, total=True))
COIN = (
    Column("value", N_("Valor"), "money", 12),
    Column("pieces", N_("Cantidad"), "number", 10),
    Column("subtotal", N_("Subtotal"), "money", 14, total=True, formula="{value}*{pieces}"),
)
SESSION = (
    Column("number", N_("Sesión"), width=22),
    Column("till", N_("Caja"), width=16),
    Column("state", N_("Estado"), width=12),
    Column("expected", N_("Debe haber"), "money", 13, total=True),
    Column("counted", N_("Contado"), "money", 13, total=True),
    Column("difference", N_("Diferencia"), "money", 12, total=True),
    Column("reason", N_("Motivo de la diferencia"), width=30),
    Column("approver", N_("Autorizó"), width=16),
)
THERAPIST = (
    Column("name", N_("Nombre"), width=26),
    Column("attended", N_("Atenciones"), "number", 11, total=True),
    Column("collected", N_("Cobrado"), "money", 14, total=True),
    Column("average", N_("Promedio"), "money", 12),
)
SERVICE = (
    Column("name", N_("Nombre"), width=26),
    Column("tickets", N_("Tickets"), "number", 11, total=True),
    Column("collected", N_("Cobrado"), "money", 14, total=True),
    Column("average", N_("Promedio"), "money", 12),
)
PAPER = (  # widths in millimetres of A4: what is a code, a time or an amount stays on one line
    Column("time", N_("Hora"), "time", 10),
    Column("ticket", N_("Ticket"), width=20),
    Column("patient", N_("Paciente"), width=34),
    Column("document", N_("Doc."), width=10),
    Column("therapist", N_("Terapeuta"), width=16),
    Column("service", N_("Servicio o concepto"), width=26),
    Column("method", N_("Método"), width=21),
    Column("reference", N_("Referencia"), width=17),
    Column("amount", N_("Importe"), "money", 15, total=True),
    Column("cashier", N_("Recibió"), width=14),
    Column("note", N_("Nota"), width=14),
)
DETAIL = (
    Column("day", N_("Fecha"), "date", 12, csv_name="fecha"),
    Column("time", N_("Hora"), "time", 8, csv_name="hora"),
    Column("session", N_("Sesión"), width=16, csv_name="sesion"),
    Column("ticket", N_("Ticket"), width=13, csv_name="ticket"),
    Column("series", N_("Serie"), width=7, csv_name="serie"),
    Column("type", N_("Tipo"), width=11, csv_name="tipo"),
    Column("patient", N_("Paciente"), width=30, csv_name="paciente"),
    Column("document", N_("Documento"), width=12, csv_name="documento"),
    Column("therapist", N_("Terapeuta"), width=20, csv_name="terapeuta"),
    Column("service", N_("Servicio"), width=24, csv_name="servicio"),
    Column("method", N_("Método"), width=14, csv_name="metodo"),
    Column("reference", N_("Referencia"), width=16, csv_name="referencia"),
    Column("amount", N_("Bruto"), "money", 13, total=True, csv_name="bruto"),
    Column("discount", N_("Descuento"), "money", 12, total=True, csv_name="descuento"),
    Column("net", N_("Neto"), "money", 13, total=True, formula="{amount}-{discount}", csv_name="neto"),
    Column("tendered", N_("Recibido"), "money", 13, csv_name="recibido"),
    Column("change", N_("Vuelto"), "money", 12, csv_name="vuelto"),
    Column("cashier", N_("Cajero"), width=18, csv_name="cajero"),
    Column("clinic", N_("Sede"), width=20, csv_name="sede"),
    Column("appointment", N_("N.º de cita"), "number", 9, csv_name="cita_id"),
    Column("note", N_("Observación"), width=24, csv_name="observacion"),
)
MOVEMENT = (
    Column("time", N_("Hora"), "time", 6),
    Column("type", N_("Tipo"), width=19),
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
