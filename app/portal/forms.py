"""Forms of the patient portal."""

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, IntegerField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional
from wtforms.widgets import HiddenInput

from app.http.fields import Form, LocalDateTimeField


class ConfirmForm(Form):
    """The last step: the choices are hidden fields, validated again by the action."""

    service_id = HiddenField()
    therapist_id = HiddenField()
    starts_at = HiddenField()
    reason = StringField(_l("Motivo de la visita"), [Length(max=200, message=_l("Use 200 caracteres como máximo."))])


class ChangeForm(Form):
    """Another time: the buttons of the free times carry it."""

    starts_at = LocalDateTimeField(_l("Día y hora"))
    version = IntegerField(widget=HiddenInput(), validators=[Optional()])


class OwnCancelForm(Form):
    reason = RadioField(
        _l("¿Por qué cancela?"),
        choices=[
            SelectChoice("patient", _l("No puedo ir")),
            SelectChoice("mistake", _l("Reservé por error")),
            SelectChoice("clinic", _l("La clínica me lo pidió")),
        ],
        default="patient",
    )
