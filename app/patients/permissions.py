"""Permissions of this domain and which role has which.

``patient.read`` opens the pages; which patients are found depends on the others: with ``patient.read_all`` (the desk)
all of the organization, else those with a care relation to the therapist (``care_relation``): whom a visit made
theirs, or whom they registered. So a practice without a desk works (D38) and nobody opens the files of others.
"""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ = Permission("patient.read", N_("Ver pacientes"))
READ_ALL = Permission("patient.read_all", N_("Ver a todos los pacientes de la organización"))
REGISTER = Permission("patient.register", N_("Registrar pacientes"))
UPDATE = Permission("patient.update", N_("Cambiar los datos de un paciente"))
ARCHIVE = Permission("patient.archive", N_("Archivar pacientes y restaurarlos"))
MERGE = Permission("patient.merge", N_("Unir dos fichas de una persona y separarlas"))
READ_OWN = Permission("patient.read_own", N_("Ver la propia ficha de paciente"))

DESK = (READ, READ_ALL, REGISTER, UPDATE)

GRANTS = {
    "patient": (READ_OWN,),
    "therapist": (READ, REGISTER),
    "receptionist": DESK,
    "supervisor": (*DESK, ARCHIVE, MERGE),
    "admin": (*DESK, ARCHIVE, MERGE),
}
