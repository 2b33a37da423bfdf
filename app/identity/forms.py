"""Request data of the account pages."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, EqualTo, Length, Regexp
from wtforms.widgets import CheckboxInput

from app.http.fields import Form
from app.identity.queries.roles import RoleView

ADDRESS = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"


class LoginForm(Form):
    email = StringField(_l("Correo o usuario"), [DataRequired(_l("Escriba su correo."))])
    password = PasswordField(_l("Contraseña"), [DataRequired(_l("Escriba su contraseña."))])


class PasswordForm(Form):
    current = PasswordField(_l("Contraseña actual"), [DataRequired(_l("Escriba su contraseña actual."))])
    new = PasswordField(_l("Contraseña nueva"), [DataRequired(_l("Escriba la nueva.")), Length(max=128)])
    again = PasswordField(_l("Repita la nueva"), [EqualTo("new", _l("No coincide con la nueva."))])
    FIELD_NAMES = {"password": "new"}


class PreferencesForm(Form):
    locale = SelectField(
        _l("Idioma"),
        choices=[
            SelectChoice("", _l("El del navegador")),
            SelectChoice("es_PE", "Español"),
            SelectChoice("en", "English"),
        ],
    )
    theme = SelectField(
        _l("Aspecto"),
        choices=[
            SelectChoice("", _l("El del sistema")),
            SelectChoice("light", _l("Claro")),
            SelectChoice("dark", _l("Oscuro")),
        ],
    )


class UserForm(Form):
    full_name = StringField(_l("Nombre completo"), [DataRequired(_l("Escriba el nombre.")), Length(max=160)])
    email = EmailField(
        _l("Correo"),
        [
            DataRequired(_l("Escriba el correo.")),
            Length(max=254),
            Regexp(ADDRESS, message=_l("Escriba un correo válido.")),
        ],
        description=_l("Con él entra al sistema."),
    )
    roles = SelectMultipleField(_l("Roles"), option_widget=CheckboxInput())

    def set_choices(self, clinics: dict[int, str], roles: list[RoleView]) -> None:
        """Offer these roles in each of these clinics."""
        self.clinics = clinics
        self.available_roles = roles
        self.roles.choices = [
            SelectChoice(f"{clinic_id}:{role.code}", gettext(role.label)) for clinic_id in clinics for role in roles
        ]

    def by_clinic(self) -> list[tuple[str, list[Any]]]:
        """The boxes to tick, clinic by clinic."""
        boxes, size = list(self.roles), len(self.available_roles)
        return [(name, boxes[i * size : (i + 1) * size]) for i, name in enumerate(self.clinics.values())]

    def chosen_roles(self) -> list[tuple[int, str]]:
        return [(int(clinic_id), role) for clinic_id, role in (v.split(":") for v in self.roles.data or ())]
