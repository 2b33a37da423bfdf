"""JSON of scheduling, by noun. Old names are accepted at this edge (D7-D10)."""

from app.scheduling.api import appointments, free_times

BLUEPRINTS = (appointments.api, free_times.api)
