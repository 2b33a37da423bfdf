"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ = Permission("appointment.read", N_("Ver la agenda de la sede: qué horas están ocupadas"))
READ_ALL = Permission("appointment.read_all", N_("Ver las citas de todos los terapeutas"))
READ_ASSIGNED = Permission("appointment.read_assigned", N_("Ver la propia agenda de terapeuta"))
READ_OWN = Permission("appointment.read_own", N_("Ver las propias citas de paciente"))
BOOK = Permission("appointment.book", N_("Reservar, mover y cancelar citas"))
BOOK_OWN = Permission("appointment.book_own", N_("Reservar, mover y cancelar las propias citas"))
RECEIVE = Permission("appointment.receive", N_("Recibir pacientes en la recepción"))
ATTEND = Permission("appointment.attend", N_("Iniciar y terminar sesiones"))
CORRECT = Permission("appointment.correct", N_("Deshacer fuera de plazo y anular citas"))
OVERRIDE = Permission("appointment.override", N_("Reservar fuera del horario con motivo"))
ANY_THERAPIST = Permission("appointment.any_therapist", N_("Cambiar las citas de cualquier terapeuta"))
BLOCK_HOURS = Permission("hours.block", N_("Bloquear horas de la agenda"))
MANAGE_HOURS = Permission("hours.manage", N_("Cambiar horarios y ausencias"))

_DESK = (READ, READ_ALL, BOOK, RECEIVE, ATTEND, OVERRIDE, ANY_THERAPIST, BLOCK_HOURS)
GRANTS = {
    "patient": (READ_OWN, BOOK_OWN),
    "therapist": (READ, READ_ASSIGNED, BOOK, ATTEND, BLOCK_HOURS),
    "receptionist": _DESK,
    "supervisor": (*_DESK, CORRECT, MANAGE_HOURS),
    "admin": (*_DESK, CORRECT, MANAGE_HOURS),
}
