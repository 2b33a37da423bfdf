"""Form fields shared by all packages: the base form, money, local dates and times."""

from datetime import datetime, time
from typing import Any, ClassVar

from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import DateField, Field, HiddenField, IntegerField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput, TimeInput

from app.http import error_responses
from app.kernel import clock, contacts, ids, money
from app.kernel.errors import DomainError, Invalid
from app.kernel.i18n import N_


class Form(FlaskForm):
    """Carries the CSRF token and the ``submission_id`` that makes a double submission idempotent."""

    submission_id = HiddenField()
    FIELD_NAMES: ClassVar[dict[str, str]] = {}  # name of an input in the rules → name of the form's field
    refusal: DomainError | None = None  # what an action raised that belongs to no field

    def with_submission_id(self) -> "Form":
        """Give the form the id of its next submission; keep what was typed."""
        if not self.submission_id.data:
            self.submission_id.data = ids.secret()[:22]
        return self

    def show(self, error: DomainError) -> None:
        """Say why the form was refused: at the fields the error belongs to, else above the form."""
        if not self.add_errors(error):
            self.refusal = error
            self.add_summary(error)

    def add_errors(self, error: DomainError) -> bool:
        """Put the messages of an error at the fields they belong to; False when it belongs to none of them.

        Messages of invalid input that belong to no field are shown above the form.
        """
        if isinstance(error, Invalid):
            for name, texts in error_responses.field_messages(error).items():
                self._add(self._field_of(name), texts)
            return True
        name = self.FIELD_NAMES.get(error.field, error.field)
        if name not in self:
            return False
        self._add(name, [error_responses.sentence(error)])
        return True

    def check(self) -> None:
        """What the rules say of the typed values. Raises Invalid; it is shown together with the fields' own errors."""

    def validate(self, extra_validators: Any = None) -> bool:
        """All errors in one round: those of the fields, and at the other fields those of the rules."""
        is_valid = bool(super().validate(extra_validators))
        is_valid = all([*map(_is_in_range, self)]) and is_valid
        wrong = {name for name, field in self._fields.items() if field.errors}
        try:
            self.check()
        except Invalid as error:
            new = {name: texts[0] for name, texts in error.details.items() if self._field_of(name) not in wrong}
            self.add_errors(Invalid(new, **error.params))
            return False
        return is_valid

    def _field_of(self, name: str) -> str:
        return self.FIELD_NAMES.get(name, name.replace(".", "_"))

    def add_summary(self, error: DomainError | None) -> None:
        """Put the message of an error above the form."""
        if error is not None:
            self.form_errors.append(error_responses.sentence(error))

    def _add(self, name: str, texts: list[str]) -> None:
        if name in self:
            self[name].errors = [*self[name].errors, *texts]
        else:
            self.form_errors.extend(texts)


class PhoneField(StringField):
    """A telephone number as typed; a stored one (E.164) is shown as people write it."""

    widget = TextInput("tel")

    def _value(self) -> str:
        return contacts.format_phone(self.data or "")


def _is_in_range(field: Field) -> bool:
    """Whether a whole number fits its column, on either database."""
    if not isinstance(field, IntegerField) or field.data is None or abs(field.data) < 2**31:
        return True
    field.errors = [*field.errors, gettext("El valor es demasiado grande.")]
    return False


class MoneyField(StringField):
    """An amount typed as ``80`` or ``80.50``; ``data`` is integer cents. ``currency`` refuses decimals it has not."""

    widget = TextInput()

    def __init__(self, label: Any = None, validators: Any = None, *, currency: str = "PEN", **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.currency = currency

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist or not str(valuelist[0]).strip():
            self.data = None
            return
        self._typed = str(valuelist[0])
        try:
            self.data = money.parse_cents(self._typed, self.currency)
        except money.BadAmount as error:
            self.data = None
            raise ValueError(gettext(error.text)) from error

    def _value(self) -> str:
        if self.data is not None:
            return money.decimal_text(self.data)
        return getattr(self, "_typed", "")


class MinuteField(StringField):
    """An hour of the day, ``09:30``; ``data`` is minutes from midnight, None when empty.

    ``ends=True`` reads ``00:00`` as the end of the day (1440), which a time input cannot express otherwise.
    """

    widget = TimeInput()

    def __init__(self, label: Any = None, validators: Any = None, *, ends: bool = False, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.ends = ends

    def process_formdata(self, valuelist: list[Any]) -> None:
        typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if not typed:
            return
        try:
            at = time.fromisoformat(typed)
        except ValueError as error:
            raise ValueError(gettext("Escriba una hora, por ejemplo 09:30.")) from error
        self.data = at.hour * 60 + at.minute or (1440 if self.ends else 0)

    def _value(self) -> str:
        return "" if self.data is None else f"{self.data // 60 % 24:02d}:{self.data % 60:02d}"


class LocalDateTimeField(StringField):
    """``2026-11-24T10:30`` in the clinic's local time; ``instant(zone)`` gives UTC."""

    widget = TextInput("datetime-local")

    def instant(self, zone_name: str) -> datetime:
        """The time typed, in UTC. Raises Invalid at this field."""
        try:
            return clock.parse_instant(str(self.data), zone_name)
        except clock.AmbiguousTime as error:
            raise Invalid({self.name: N_("Esa hora ocurre dos veces ese día. Elija otra.")}) from error
        except clock.NoSuchTime as error:
            raise Invalid({self.name: error.text}) from error
        except clock.BadTime as error:
            raise Invalid({self.name: N_("Escriba una fecha y hora válidas.")}) from error

    def pre_validate(self, form: Any) -> None:
        try:
            clock.parse_instant(str(self.data), "UTC")
        except clock.BadTime as error:
            raise ValidationError(gettext("Escriba una fecha y hora válidas.")) from error


class DayField(DateField):
    """A day; ``data`` is a date, None when empty."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        if not valuelist or not str(valuelist[0]).strip():
            return
        try:
            self.data = clock.parse_day(str(valuelist[0]).strip())
        except clock.BadDay as error:
            raise ValueError(gettext("Escriba una fecha válida.")) from error


def positive(form: Any, field: Field) -> None:
    """A validator: an amount above zero."""
    if field.data is not None and field.data <= 0:
        raise ValidationError(gettext("Escriba un monto mayor que cero."))
