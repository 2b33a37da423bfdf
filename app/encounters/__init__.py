"""Encounters: who treated whom, when and of which class (FHIR R4 Encounter), with or without an appointment.

An appointment is a plan, an encounter is what took place. Scheduling starts and finishes the encounter of a visit;
an emergency or a clinical record starts one of its own. Notes, diagnoses and money belong to other packages.
"""
