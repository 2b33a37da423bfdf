"""Forms of the patients' pages; ``rules.normalize`` validates the values."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from app.clinics.queries import ubigeo
from app.http import cycle
from app.http.fields import DayField, Form, PhoneField
from app.patients import actions, rules
from app.patients.rules import documents

_REQUIRED = _l("Este dato es obligatorio.")
UNKNOWN_DISTRICT = "?"  # no code; the action answers that one is chosen from the list


def _text(label: Any, name: str, *, required: bool = False) -> StringField:
    checks = [DataRequired(_REQUIRED)] if required else []
    return StringField(label, [*checks, Length(max=rules.LIMITS[name], message=_l("El texto es demasiado largo."))])


def _choice(label: Any, labels: dict[str, str]) -> SelectField:
    return SelectField(label, choices=lambda: [SelectChoice(code, gettext(word)) for code, word in labels.items()])


class NamesForm(Form):
    """What every registration asks for."""

    FIELD_NAMES = {"ubigeo": "q"}  # the code is hidden behind the text of the district

    given_names = _text(_l("Nombres"), "given_names", required=True)
    paternal_surname = _text(_l("Apellido paterno"), "paternal_surname", required=True)
    maternal_surname = _text(_l("Apellido materno"), "maternal_surname")
    phone = PhoneField(_l("Teléfono"))

    def check(self) -> None:
        actions.validated(self.details(), actor=cycle.maybe_actor(), now=cycle.now())

    def details(self) -> rules.Details:
        """The typed values, not checked yet."""
        return rules.Details(**self._typed(rules.FIELDS))

    def _typed(self, names: Iterable[str]) -> dict[str, Any]:
        typed = {name: self[name].data for name in names if name in self and self[name].data}
        return {"given_names": "", "paternal_surname": "", **typed}


class QuickForm(NamesForm):
    """A person in the few fields that a booking needs; ``form_id`` is the form that the picker fills."""

    document_type = _choice(_l("Documento"), documents.LABELS)
    document_number = StringField(_l("Número"))
    form_id = HiddenField()
    allow_duplicate = BooleanField()

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        for field in self:  # it stands beside another form, whose ids are its own
            field.id = field.label.field_id = f"quick-{field.id}"


class PatientForm(NamesForm):
    """Everything the desk keeps of a person. ``q`` is the text of the district, ``ubigeo`` its code."""

    version = HiddenField()
    allow_duplicate = BooleanField()
    document_type = _choice(_l("Documento"), documents.LABELS)
    document_number = StringField(_l("Número"))
    birth_date = DayField(_l("Fecha de nacimiento"), [Optional()])
    sex = _choice(_l("Sexo"), rules.SEX_LABELS)
    other_phone = PhoneField(_l("Otro teléfono"))
    email = EmailField(_l("Correo"), [Length(max=rules.LIMITS["email"])])
    occupation = _text(_l("Ocupación"), "occupation")
    address = _text(_l("Dirección"), "address")
    q = StringField(_l("Distrito"))
    ubigeo = HiddenField()
    emergency_name = _text(_l("Nombre"), "emergency_name")
    emergency_phone = PhoneField(_l("Teléfono"))
    admin_note = TextAreaField(_l("Nota para recepción"), [Length(max=rules.LIMITS["admin_note"])])

    def details(self) -> rules.Details:
        values = self._typed(name for name in rules.FIELDS if name != "ubigeo")
        return rules.Details(**values, ubigeo=self._district())

    def _district(self) -> str | None:
        """The code of the typed district; the text decides, because it is what the person sees."""
        typed, code = (self.q.data or "").strip(), self.ubigeo.data or ""
        if not typed:
            return None
        chosen = ubigeo.find(code) if code else None
        if chosen and chosen["name"] == typed:
            return code
        found = ubigeo.search(typed, limit=2)
        return found[0]["code"] if len(found) == 1 else UNKNOWN_DISTRICT


class MergeForm(Form):
    """The versions of the two records that were compared; the choices are ``choice_<field>``."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    other_id = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    other_version = IntegerField(widget=HiddenInput(), validators=[InputRequired()])


class RegisterForm(NamesForm):
    """A patient's own registration."""

    document_type = _choice(_l("Documento"), documents.LABELS)
    document_number = StringField(_l("Número"), [DataRequired(_l("Escriba el número de su documento."))])
    phone = PhoneField(_l("Teléfono"), [DataRequired(_l("Escriba su teléfono: la clínica le llamará si algo cambia."))])
    email = EmailField(_l("Correo"), [DataRequired(_l("Escriba su correo.")), Length(max=rules.LIMITS["email"])])
    has_consented = BooleanField(
        _l("Acepto que la clínica trate mis datos personales y de salud para atenderme (Ley 29733)."),
        [InputRequired(_l("Sin su aceptación la clínica no puede guardar sus datos."))],
    )
    password = PasswordField(_l("Contraseña"), [InputRequired(_l("Escriba una contraseña.")), Length(max=128)])
