"""Booking, moving and cancelling at the desk."""

from datetime import datetime
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from app.billing.rules import decisions
from app.clinics.queries import ServiceView, TherapistView
from app.http.fields import Form, LocalDateTimeField
from app.kernel import money
from app.scheduling import rules
from app.scheduling.rules.booking import BookingRequest, MoveRequest

_REASON = Length(max=200, message=_l("Escriba 200 letras como máximo."))


class BookingForm(Form):
    """A new visit. The picker of patients stands beside the form and fills ``patient_id``."""

    patient_id = IntegerField(widget=HiddenInput(), validators=[InputRequired(_l("Elija un paciente de la lista."))])
    therapist_id = SelectField(_l("Terapeuta"), coerce=int)
    service_id = SelectField(_l("Servicio"), coerce=int)
    starts_at = LocalDateTimeField(_l("Día y hora"))
    reason = StringField(_l("Motivo de la visita"), [_REASON])
    override_reason = StringField(_l("Motivo para reservar fuera del horario"), [_REASON])

    def set_choices(self, people: list[TherapistView], services: list[ServiceView], currency: str) -> None:
        """Set the selects; a service is labelled with its length and price."""
        self.therapist_id.choices = [SelectChoice(person.id, person.name) for person in people]
        self.service_id.choices = [SelectChoice(s.id, _described(s, currency)) for s in services]

    def disable_services(self, fitting: frozenset[int], chosen: int) -> None:
        """Grey out the services that do not fit at the chosen time, where others do."""
        for choice in self.service_id.choices if fitting else ():
            if choice.value not in fitting | {chosen}:
                choice.render_kw = {"disabled": True}

    def to_request(self, clinic_id: int, starts_at: datetime) -> BookingRequest:
        """What the validated form asks for."""
        return BookingRequest(
            clinic_id=clinic_id,
            therapist_id=self.therapist_id.data,
            patient_id=self.patient_id.data or 0,
            service_id=self.service_id.data,
            starts_at=starts_at,
            reason=self.reason.data or "",
            override_reason=self.override_reason.data or "",
        )


class MoveForm(Form):
    """Another time or therapist. ``read`` also understands the button of a free time."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    therapist_id = SelectField(_l("Terapeuta"), coerce=int)
    starts_at = LocalDateTimeField(_l("Día y hora"))
    override_reason = StringField(_l("Motivo para reservar fuera del horario"), [_REASON])

    @classmethod
    def read(cls, params: "MultiDict[str, str]") -> "MoveForm":
        """From the posted form; a button carries therapist and time in one value: ``slot=7@2026-11-24T10:30``."""
        values = params.copy()
        if values.get("slot"):
            values["therapist_id"], _, values["starts_at"] = values["slot"].partition("@")
        return cls(values)

    def set_choices(self, people: list[TherapistView]) -> None:
        self.therapist_id.choices = [SelectChoice(person.id, person.name) for person in people]

    def to_request(self, starts_at: datetime) -> MoveRequest:
        """What the validated form asks for."""
        return MoveRequest(
            starts_at=starts_at,
            therapist_id=self.therapist_id.data,
            version=self.version.data,
            override_reason=self.override_reason.data or "",
        )


class NoShowForm(Form):
    """What happens with the money of who did not come; nothing to choose where nothing was to be paid."""

    money = RadioField(_l("Dinero"), validators=[Optional()], validate_choice=False)

    def set_choices(self, offered: list[str]) -> None:
        self.money.choices = [SelectChoice(code, gettext(decisions.LABELS[code])) for code in offered]


class CancelForm(Form):
    reason = RadioField(_l("Motivo"), validators=[InputRequired(_l("Elija el motivo."))])
    money = RadioField(_l("Dinero"), validators=[Optional()], validate_choice=False)

    def set_choices(self, status: str, offered: list[str]) -> None:
        self.money.choices = [SelectChoice(code, gettext(decisions.LABELS[code])) for code in offered]
        reasons = rules.reasons_to_cancel(status)
        self.reason.choices = [SelectChoice(code, gettext(rules.CANCEL_REASONS[code])) for code in reasons]


class WhyForm(Form):
    """Why, in words: a visit entered in error, a session written down on a later day."""

    reason = StringField(_l("Motivo"), [InputRequired(_l("Indique el motivo.")), _REASON])


def _described(service: ServiceView, currency: str) -> Any:
    return gettext(
        "%(name)s · %(minutes)s min · %(price)s",
        name=service.name,
        minutes=service.duration_minutes,
        price=money.format_money(service.price_cents, currency),
    )
