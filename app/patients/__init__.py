"""The people who come: registration by the desk and by themselves, search, contacts.

Noun: Patient (FHIR Patient), one per person and organization, shared by its clinics. Names follow
Peruvian papers: given names, paternal and maternal surname (D37). Clinical content is records'.
"""
