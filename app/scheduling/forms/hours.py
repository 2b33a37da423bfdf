"""Request data of the hours page: seven days of the week, an absence or an extra shift."""

from collections.abc import Sequence
from typing import Any

import wtforms
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import FieldList, FormField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from app.clinics.queries import RoomView
from app.clinics.rules import WEEKDAYS
from app.http.fields import Form, LocalDateTimeField, MinuteField
from app.kernel.errors import DomainError, Invalid
from app.scheduling.rules.week import WeekShift


class DayForm(wtforms.Form):
    """A weekday; both hours empty is a free day."""

    starts_minute = MinuteField(_l("Entrada"), [Optional()])
    ends_minute = MinuteField(_l("Salida"), ends=True)  # not Optional, which would end the checks when it is empty
    break_starts_minute = MinuteField(_l("Inicio del refrigerio"), [Optional()])
    break_ends_minute = MinuteField(_l("Fin del refrigerio"), [Optional()])
    room_id = SelectField(_l("Sala"), choices=[])

    def validate_ends_minute(self, field: MinuteField) -> None:
        if (field.data is None) != (self.starts_minute.data is None):
            raise wtforms.ValidationError(gettext("Escriba la entrada y la salida, o ninguna."))
        if field.data is None and (self.break_starts_minute.data or self.break_ends_minute.data):
            raise wtforms.ValidationError(gettext("Escriba la entrada y la salida del turno."))


class HoursForm(Form):
    days = FieldList(FormField(DayForm), min_entries=7, max_entries=7)

    @classmethod
    def of(cls, shifts: Sequence[WeekShift]) -> "HoursForm":
        """The form as the week stands."""
        days: list[dict[str, Any]] = [{} for _ in WEEKDAYS]
        for shift in reversed(shifts):  # the first shift of a day is the one shown
            days[shift.weekday] = {
                name: getattr(shift, name) for name in WeekShift.__dataclass_fields__ if name != "weekday"
            }
            days[shift.weekday]["room_id"] = str(shift.room_id or "")
        return cls(formdata=None, data={"days": days})

    def set_choices(self, rooms: Sequence[RoomView]) -> "HoursForm":
        choices = [SelectChoice("", gettext("Cualquiera")), *(SelectChoice(str(r.id), r.name) for r in rooms)]
        for day in self.days:
            day.form.room_id.choices = choices
        return self

    def shifts(self) -> list[WeekShift]:
        """What was typed, free days left out."""
        return [
            WeekShift(
                weekday,
                day.starts_minute.data,
                day.ends_minute.data,
                day.break_starts_minute.data,
                day.break_ends_minute.data,
                int(day.room_id.data) if day.room_id.data else None,
            )
            for weekday, day in enumerate(entry.form for entry in self.days)
            if day.starts_minute.data is not None
        ]

    def add_errors(self, error: DomainError) -> bool:
        """A message per weekday goes to that day's end."""
        if not isinstance(error, Invalid):
            return super().add_errors(error)
        for weekday, lines in error.details.items():
            if weekday.isdigit():
                self.days[int(weekday)].form.ends_minute.errors = [gettext(line) for line in lines]
            else:
                self.form_errors.extend(gettext(line) for line in lines)
        self.days.errors = [entry.form.errors for entry in self.days]
        return True


class TimeOffForm(Form):
    kind = RadioField(
        _l("Qué es"),
        choices=[SelectChoice("off", _l("Ausencia (en todas sus sedes)")), SelectChoice("extra", _l("Turno extra"))],
        default="off",
    )
    starts_at = LocalDateTimeField(_l("Desde"), [DataRequired(_l("Escriba cuándo empieza."))])
    ends_at = LocalDateTimeField(_l("Hasta"), [DataRequired(_l("Escriba cuándo termina."))])
    reason = StringField(_l("Motivo"), [Length(max=120)], description=_l("Lo ve el personal, no los pacientes."))

    @property
    def period(self) -> str:
        """What a confirmation is good for: these hours and no others."""
        return f"{self.starts_at.data}/{self.ends_at.data}"


class BlockForm(Form):
    """Hours of a therapist that nobody may book."""

    starts_at = LocalDateTimeField(_l("Desde"), [DataRequired(_l("Escriba cuándo empieza."))])
    ends_at = LocalDateTimeField(_l("Hasta"), [DataRequired(_l("Escriba cuándo termina."))])
    reason = StringField(_l("Motivo"), [Length(max=120)], description=_l("Lo ve el personal, no los pacientes."))
