"""Time: who works when, what is free, appointments and their states, the agenda.

Nouns: WorkingHours (weekly, per clinic, with a break), TimeOff (exceptions), Appointment (FHIR, with iCalendar ``uid``
and ``sequence``), AppointmentEvent (one row per change, with its channel). What takes place is an encounter, who treats
whom a care relation: both are written by calling down. The state machine is ``rules``, what is free and bookable
``rules.calendar`` and ``rules.booking``; no state follows from the clock. No double booking by construction: the
database refuses overlaps of therapist, room and patient.
"""
