"""Forms of the administration pages."""

from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DecimalField,
    EmailField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput

from app.clinics import rules
from app.http.fields import DayField, Form, MinuteField, MoneyField, PhoneField

WHOLE = _l("Escriba un número entero de %(min)s a %(max)s.")
COLOURS = (
    _l("Verde"),
    _l("Azul"),
    _l("Ámbar"),
    _l("Violeta"),
    _l("Rosa"),
    _l("Lima"),
    _l("Celeste"),
    _l("Naranja"),
)
SLOTS = [SelectChoice(str(n), _l("Cada %(minutes)s minutos", minutes=n)) for n in rules.SLOT_MINUTES]


def _whole(most: int, least: int = 0) -> list[Any]:
    return [InputRequired(_l("Escriba un número.")), NumberRange(least, most, WHOLE)]


class ClinicForm(Form):
    name = StringField(_l("Nombre"), [DataRequired(_l("Escriba el nombre de la sede.")), Length(max=120)])
    legal_name = StringField(_l("Razón social"), [Length(max=160)])
    tax_id = StringField(_l("RUC"), [Length(max=20)], description=_l("Aparece en reportes y comprobantes."))
    address = StringField(_l("Dirección"), [Length(max=200)])
    phone = PhoneField(_l("Teléfono"), [Length(max=40)])
    whatsapp = PhoneField(
        _l("WhatsApp"), [Length(max=40)], description=_l("Con él, los pacientes escriben a la sede desde su cita.")
    )
    email = EmailField(_l("Correo"), [Length(max=254)])
    timezone = StringField(
        _l("Zona horaria"), [DataRequired(_l("Escriba la zona horaria."))], description=_l("Por ejemplo America/Lima.")
    )
    opens_minute = MinuteField(_l("Abre"), [InputRequired(_l("Escriba la hora."))])
    closes_minute = MinuteField(_l("Cierra"), [InputRequired(_l("Escriba la hora."))], ends=True)
    closed_weekdays = SelectMultipleField(
        _l("Días cerrados"),
        choices=[SelectChoice(str(n), _l(day)) for n, day in enumerate(rules.WEEKDAYS)],
        option_widget=CheckboxInput(),
    )
    slot_minutes = SelectField(_l("Horas ofrecidas"), choices=SLOTS)
    notice_minutes = IntegerField(
        _l("Anticipación mínima (minutos)"), _whole(10080), description=_l("Con menos, el paciente llama por teléfono.")
    )
    change_notice_hours = IntegerField(
        _l("Cambios hasta (horas antes)"), _whole(720), description=_l("Después, solo recepción mueve o cancela.")
    )
    horizon_days = IntegerField(_l("Reservas hasta (días adelante)"), _whole(730, 1))
    open_visits_limit = IntegerField(
        _l("Citas por venir por paciente"),
        _whole(100, 1),
        description=_l("Cuántas puede tener quien reserva por internet. Recepción no tiene límite."),
    )
    noshow_grace_minutes = IntegerField(
        _l("Tolerancia (minutos)"), _whole(240), description=_l("Pasado este tiempo se ofrece marcar «No vino».")
    )
    auto_confirm = BooleanField(
        _l("Aceptar al momento las reservas por internet"),
        description=_l("Sin marcar, recepción las confirma una por una."),
    )
    pending_hours = IntegerField(
        _l("Solicitudes sin confirmar (horas)"),
        _whole(720),
        description=_l("Pasado este tiempo se cancelan solas; con 0, nunca."),
    )
    therapists_receive = BooleanField(
        _l("Los terapeutas reciben a sus pacientes"),
        description=_l("Marcan llegadas, «No vino» y cancelan en sus propias citas; el dinero sigue en recepción."),
    )
    currency = SelectField(_l("Moneda"), choices=[SelectChoice(code, code) for code in rules.CURRENCIES])
    tax_rate = DecimalField(
        _l("IGV (%)"),
        [InputRequired(_l("Escriba un porcentaje.")), NumberRange(0, 50, WHOLE)],
        places=2,
        description=_l("Los precios ya lo incluyen."),
    )
    blind_close = BooleanField(
        _l("Cierre de caja a ciegas"), description=_l("Quien cierra cuenta el dinero sin ver cuánto se espera.")
    )
    therapists_see_names = BooleanField(
        _l("Los terapeutas ven los nombres de las citas de otros"),
        description=_l("Sin marcar ven solo que la hora está ocupada. Motivo, notas y teléfono, nunca."),
    )
    difference_limit_cents = MoneyField(
        _l("Diferencia tolerada al cerrar"),
        [InputRequired(_l("Escriba un monto."))],
        description=_l("Por encima, aprueba supervisión."),
    )
    cash_rounding = SelectField(
        _l("Redondeo del efectivo"),
        choices=[
            SelectChoice("currency", _l("Como manda la moneda (en soles, a favor de quien paga)")),
            SelectChoice("down", _l("Siempre a favor de quien paga")),
            SelectChoice("nearest", _l("A la moneda más cercana")),
            SelectChoice("none", _l("Sin redondeo")),
        ],
        default="currency",
        description=_l("A la moneda más pequeña que circula, solo al cobrar en efectivo."),
    )

    def check(self) -> None:
        rules.check_settings(self.settings())

    def settings(self) -> rules.ClinicSettings:
        """What was typed, in the units of the table."""
        text = (
            "name",
            "legal_name",
            "tax_id",
            "address",
            "phone",
            "whatsapp",
            "email",
            "timezone",
            "currency",
            "cash_rounding",
        )
        numbers = (
            "opens_minute",
            "closes_minute",
            "slot_minutes",
            "notice_minutes",
            "change_notice_hours",
            "horizon_days",
            "open_visits_limit",
            "noshow_grace_minutes",
            "pending_hours",
            "difference_limit_cents",
        )
        typed: dict[str, Any] = {name: (self[name].data or "").strip() for name in text}
        typed |= {name: int(self[name].data or 0) for name in numbers}
        return rules.ClinicSettings(
            **typed,
            closed_weekdays=tuple(int(day) for day in self.closed_weekdays.data or ()),
            tax_rate_bp=int((self.tax_rate.data or 0) * 100),
            auto_confirm=bool(self.auto_confirm.data),
            therapists_receive=bool(self.therapists_receive.data),
            blind_close=bool(self.blind_close.data),
            therapists_see_names=bool(self.therapists_see_names.data),
        )

    @classmethod
    def of(cls, clinic: Any) -> "ClinicForm":
        """The form filled from a clinic's row or settings."""
        values = {name: getattr(clinic, name) for name in rules.ClinicSettings.__dataclass_fields__}
        values |= {
            "closed_weekdays": [str(day) for day in clinic.closed_weekdays],
            "slot_minutes": str(clinic.slot_minutes),
            "tax_rate": Decimal(clinic.tax_rate_bp) / 100,
        }
        return cls(formdata=None, data=values)


class OrganizationForm(Form):
    shares_patients = BooleanField(
        _l("Las sedes comparten el registro de pacientes"),
        description=_l(
            "Sin marcar, cada recepción encuentra a quienes registró o atendió, y a otros por su documento."
        ),
    )


class RoomForm(Form):
    name = StringField(
        _l("Nombre de la sala"), [DataRequired(_l("Escriba el nombre de la sala.")), Length(max=60)], id="room-name"
    )


class ClosureForm(Form):
    day = DayField(_l("Día"), [DataRequired(_l("Elija el día."))])
    reason = StringField(_l("Motivo"), [DataRequired(_l("Escriba el motivo, por ejemplo «Feriado».")), Length(max=120)])


class ServiceForm(Form):
    name = StringField(_l("Nombre"), [DataRequired(_l("Escriba el nombre del servicio.")), Length(max=80)])
    specialty_id = SelectField(_l("Especialidad"), choices=[])
    duration_minutes = IntegerField(
        _l("Duración (minutos)"),
        [InputRequired(_l("Escriba la duración."))],
        description=_l("Múltiplo de 5."),
    )
    price_cents = MoneyField(
        _l("Precio"),
        [InputRequired(_l("Escriba el precio."))],
        description=_l("Con IGV incluido. Las citas ya reservadas conservan el suyo."),
    )
    colour = SelectField(
        _l("Color en la agenda"), choices=[SelectChoice(str(n), name) for n, name in enumerate(COLOURS, 1)]
    )
    is_online = BooleanField(
        _l("Se puede reservar por internet"), description=_l("Los pacientes lo ven y lo reservan por su cuenta.")
    )
    description = TextAreaField(_l("Indicaciones para el paciente"), [Length(max=1000)])

    def set_choices(self, specialties: list[dict[str, Any]]) -> None:
        self.specialty_id.choices = [
            SelectChoice("", gettext("Ninguna en particular")),
            *(SelectChoice(str(s["id"]), s["name"]) for s in specialties),
        ]

    def check(self) -> None:
        rules.check_service(self.typed())

    def typed(self) -> rules.ServiceData:
        return rules.ServiceData(
            name=(self.name.data or "").strip(),
            duration_minutes=self.duration_minutes.data or 0,
            price_cents=self.price_cents.data or 0,
            description=(self.description.data or "").strip(),
            specialty_id=int(self.specialty_id.data) if self.specialty_id.data else None,
            colour=int(self.colour.data or 0),
            is_online=bool(self.is_online.data),
        )


class TherapistForm(Form):
    given_names = StringField(_l("Nombres"), [DataRequired(_l("Escriba los nombres.")), Length(max=80)])
    surnames = StringField(_l("Apellidos"), [DataRequired(_l("Escriba los apellidos.")), Length(max=120)])
    display_name = StringField(
        _l("Nombre en la agenda"), [Length(max=80)], description=_l("Vacío: primer nombre y primer apellido.")
    )
    document_number = StringField(_l("Documento"), [Length(max=20)])
    licence_number = StringField(_l("Colegiatura"), [Length(max=30)], description=_l("Por ejemplo CTMP 12345."))
    email = EmailField(_l("Correo"), [Length(max=254)])
    phone = PhoneField(_l("Teléfono"), [Length(max=40)])
    specialty_ids = SelectMultipleField(_l("Especialidades"), option_widget=CheckboxInput())
    service_ids = SelectMultipleField(_l("Servicios que atiende"), option_widget=CheckboxInput())
    default_service_id = SelectField(
        _l("Servicio por defecto"),
        default="",
        choices=[],
        description=_l("El de una reserva que no dice cuál. Su precio es la tarifa de consulta."),
    )

    def set_choices(self, specialties: list[dict[str, Any]], services: list[dict[str, Any]]) -> None:
        """Offer the specialties of the organization and the services of the actor's clinics."""
        self.specialty_ids.choices = [SelectChoice(str(s["id"]), s["name"]) for s in specialties]
        self.service_ids.choices = [SelectChoice(str(s["id"]), s["name"]) for s in services]
        self.default_service_id.choices = [
            SelectChoice("", gettext("Ninguno")),
            *(SelectChoice(str(s["id"]), f"{s['name']} · {s['clinic_name']}") for s in services),
        ]
        self.clinic_of = {str(s["id"]): s["clinic_name"] for s in services}

    def services_by_clinic(self) -> dict[str, list[Any]]:
        """The checkboxes of services, grouped by clinic."""
        boxes: dict[str, list[Any]] = {}
        for box in self.service_ids:
            boxes.setdefault(self.clinic_of[box.data], []).append(box)
        return boxes

    def check(self) -> None:
        rules.check_therapist(self.typed())

    def typed(self) -> rules.TherapistData:
        names = rules.TherapistData.__dataclass_fields__
        return rules.TherapistData(**{name: (self[name].data or "").strip() for name in names})

    def chosen(self) -> dict[str, Any]:
        """The links: ``specialty_ids``, ``service_ids``, ``default_service_id``."""
        ids: dict[str, Any] = {
            name: [int(i) for i in self[name].data or ()] for name in ("specialty_ids", "service_ids")
        }
        return ids | {"default_service_id": int(self.default_service_id.data) if self.default_service_id.data else None}


class SpecialtyForm(Form):
    name = StringField(_l("Especialidad"), [DataRequired(_l("Escriba el nombre de la especialidad.")), Length(max=80)])


class AccountForm(Form):
    email = EmailField(_l("Correo"), [DataRequired(_l("Escriba el correo.")), Length(max=254)], id="account-email")
