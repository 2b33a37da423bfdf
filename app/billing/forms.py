"""Forms of tickets and tills."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from app.billing import accounts, rules
from app.http.fields import DayField, Form, MoneyField, positive
from app.kernel import money

AMOUNT_NEEDED = _l("Escriba un monto.")


class PaymentForm(Form):
    method = StringField(_l("Método de pago"), [DataRequired(_l("Elija un método de pago."))])
    amount = MoneyField(_l("Monto"), [InputRequired(AMOUNT_NEEDED), positive])
    tendered = MoneyField(_l("Recibido"), [Optional()])
    on_account = BooleanField(_l("Cobrar a cuenta"))  # what was tendered, when it is less than the amount
    reference = StringField(_l("N.º de operación"), [Length(max=60)])
    reference_reason = StringField(_l("Motivo para repetir el número"), [Length(max=200)])
    note = StringField(_l("Nota"), [Length(max=200)])


class ReasonForm(Form):
    """The reason of a refund or a voided ticket."""

    reason = StringField(_l("Motivo"), [DataRequired(_l("Escriba el motivo.")), Length(max=200)])


class RefundForm(ReasonForm):
    amount = MoneyField(_l("Monto que se devuelve"), [InputRequired(AMOUNT_NEEDED), positive])
    method = SelectField(_l("Se devuelve por"), validate_choice=False)
    reference = StringField(_l("N.º de operación de la devolución"), [Length(max=60)])
    then = RadioField(
        _l("Y con el ticket"),
        choices=[SelectChoice(code, _l(label)) for code, label in rules.AFTER_REFUND.items()],
        validate_choice=False,
    )
    overdraw_reason = StringField(_l("Motivo para sacar más de lo que hay"), [Length(max=200)])


class PiecesForm(Form):
    """Has a field per note and coin of a currency."""

    pieces: tuple[int, ...] = ()

    @classmethod
    def pieces_fields(cls, currency: str) -> dict[str, Any]:
        values = money.denominations(currency)
        fields = {
            f"pieces_{value}": IntegerField(piece_label(value, currency), [Optional(), NumberRange(0, 100_000)])
            for value in values
        }
        return {**fields, "pieces": values}

    def denominations(self) -> dict[int, int]:
        """Pieces by denomination in cents, without empty fields."""
        pieces_by_value = {value: self[f"pieces_{value}"].data for value in self.pieces}
        return {value: pieces for value, pieces in pieces_by_value.items() if pieces}


def piece_label(value: int, currency: str) -> str:
    """``S/ 200`` for a note or large coin, ``10 céntimos`` for a small one."""
    if value < 100:
        return gettext("%(value)s céntimos", value=value)
    return f"{money.symbol(currency)} {value // 100:,}"


class OpenTillForm(PiecesForm):
    till_id = SelectField(_l("Caja"), coerce=int)
    opening_float = MoneyField(_l("Fondo inicial en efectivo"), [InputRequired(AMOUNT_NEEDED)])
    note = StringField(_l("Nota o motivo"), [Length(max=200)])

    @classmethod
    def of(cls, currency: str, **options: Any) -> "OpenTillForm":
        form: OpenTillForm = type("OpeningForm", (cls,), cls.pieces_fields(currency))(**options)
        return form


class MovementForm(Form):
    kind = RadioField(
        _l("Tipo"),
        choices=[SelectChoice(kind, _l(accounts.LABELS[kind])) for kind in accounts.CASH_MOVES],
        default="expense",
    )
    amount = MoneyField(_l("Monto"), [InputRequired(AMOUNT_NEEDED), positive])
    concept = StringField(_l("Concepto"), [DataRequired(_l("Escriba el concepto.")), Length(max=160)])
    beneficiary = StringField(_l("Beneficiario"), [Length(max=120)])
    voucher_number = StringField(_l("N.º de comprobante"), [Length(max=40)])
    reason = StringField(_l("Motivo para sacar más de lo que hay"), [Length(max=200)])


class CountForm(PiecesForm):
    """What was counted. ``for_methods`` adds a field per method and one per note and coin."""

    methods: tuple[rules.Method, ...] = ()

    @classmethod
    def for_methods(cls, methods: Iterable[rules.Method], currency: str) -> "CountForm":
        methods = tuple(methods)
        counted = {f"counted_{m.code}": MoneyField(m.name, [Optional()], currency=currency) for m in methods}
        fields = {**counted, **cls.pieces_fields(currency), "methods": methods}
        form: CountForm = type("CountOfMethods", (cls,), fields)()
        return form

    def counted(self) -> dict[str, int]:
        """Cents by method code, without empty fields."""
        counted = {m.code: self[f"counted_{m.code}"].data for m in self.methods}
        return {code: cents for code, cents in counted.items() if cents is not None}


class ClosingForm(Form):
    """The end of a session that was counted."""

    reason = StringField(_l("Explicación de la diferencia"), [Length(max=200)])
    left_for_tomorrow = MoneyField(_l("Queda como fondo para la próxima apertura"), [Optional()])


class TicketFilter(Form):
    """The filters of the ticket list; a GET form, so without CSRF token and submission id."""

    class Meta:
        csrf = False

    q = StringField(_l("Número o paciente"))
    day = DayField(_l("Día de la visita"), [Optional()])
    debts = BooleanField(_l("Solo con deuda"))
