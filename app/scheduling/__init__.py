"""Time: who works when, what is free, appointments and their states, the agenda and the front desk.

Nouns: WorkingHours (weekly, per clinic, with a break), TimeOff (exceptions), Appointment (FHIR, with
iCalendar ``uid`` and ``sequence``), AppointmentEvent (one row per transition), Encounter (the session
itself: in-progress, finished). The state machine is ``rules.py``; no state follows from the clock.
No double booking by construction: the database refuses overlaps of therapist, room and patient.
"""
