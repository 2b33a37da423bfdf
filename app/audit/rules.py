"""Rules: the states in which operators see a task."""

from enum import StrEnum

from app.kernel.i18n import N_


class State(StrEnum):
    FAILED = "failed"
    OVERDUE = "overdue"
    RUNNING = "running"
    WAITING = "waiting"


STATE_LABELS = {
    State.FAILED: N_("Fallidas"),
    State.OVERDUE: N_("Atrasadas"),
    State.RUNNING: N_("En curso"),
    State.WAITING: N_("En espera"),
}
