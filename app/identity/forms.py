"""Request data of the account pages."""

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, EqualTo, Length

from app.web.fields import Form


class LoginForm(Form):
    email = StringField(_l("Correo o usuario"), [DataRequired(_l("Escriba su correo."))])
    password = PasswordField(_l("Contraseña"), [DataRequired(_l("Escriba su contraseña."))])


class PasswordForm(Form):
    current = PasswordField(_l("Contraseña actual"), [DataRequired(_l("Escriba su contraseña actual."))])
    new = PasswordField(_l("Contraseña nueva"), [DataRequired(_l("Escriba la nueva.")), Length(max=128)])
    again = PasswordField(_l("Repita la nueva"), [EqualTo("new", _l("No coincide con la nueva."))])


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
    email = EmailField(_l("Correo"), [DataRequired(_l("Escriba el correo.")), Length(max=254)])
