"""The filters of the front desk, the walk-in and the next visit."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import urlencode

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import HiddenInput

from app.http.fields import Form
from app.kernel import clock
from app.kernel.errors import Invalid
from app.kernel.i18n import N_

FIRST_AVAILABLE = "any"  # value of ``place`` for the first available therapist


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters in the URL of the desk. Today is left out of the URL, so that a desk left open overnight
    shows the new day."""

    clinic_id: int
    day: date
    is_today: bool
    therapist_id: int | None = None
    view: str = "board"

    @classmethod
    def read(cls, args: "MultiDict[str, str]", *, clinic_id: int, today: date) -> "Filters":
        """From a query string; invalid values mean the default."""
        try:
            day = clock.parse_day(args.get("day"))
        except ValueError:
            day = today
        return cls(
            clinic_id=clinic_id,
            day=day,
            is_today=day == today,
            therapist_id=args.get("therapist_id", type=int),
            view="list" if args.get("view") == "list" else "board",
        )

    def url(self, path: str = "/front-desk") -> str:
        params = {
            "clinic_id": self.clinic_id,
            "day": "" if self.is_today else self.day.isoformat(),
            "therapist_id": self.therapist_id,
            "view": "" if self.view == "board" else self.view,
        }
        return f"{path}?{urlencode({name: value for name, value in params.items() if value})}"

    def for_day(self, day: date, today: date) -> str:
        """The same desk on another day."""
        return replace(self, day=day, is_today=day == today).url()

    def with_view(self, view: str) -> str:
        return replace(self, view=view).url()


class WalkInForm(Form):
    """A visit without appointment; the picker of patients is beside the form."""

    patient_id = IntegerField(
        _l("Paciente"),
        [InputRequired(_l("Elija a una persona de la lista o registre una nueva."))],
        widget=HiddenInput(),
    )
    service_id = SelectField(_l("Servicio"), coerce=int)
    place = StringField(_l("Con quién"), default=FIRST_AVAILABLE)

    def chosen(self) -> tuple[int, datetime, int | None] | None:
        """The therapist, the time and the minutes (None for the whole length) that were shown; None for the first
        available."""
        therapist_id, starts_at, minutes = [*(self.place.data or FIRST_AVAILABLE).split("@"), "", ""][:3]
        try:
            return int(therapist_id), clock.parse_instant(starts_at), int(minutes) if minutes else None
        except ValueError:
            return None


class NextVisitForm(Form):
    starts_at = HiddenField()

    def instant(self) -> datetime:
        """The chosen time. Raises Invalid above the form: the times are buttons, no field can carry the message."""
        try:
            return clock.parse_instant(str(self.starts_at.data))
        except clock.BadTime as error:
            raise _no_time() from error


def _no_time() -> Invalid:
    return Invalid({"__all__": N_("Elija una de las horas.")})
