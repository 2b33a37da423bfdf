"""The people who come: registration by the desk and by themselves, search, contacts.

Nouns: Patient (FHIR Patient), one per person and organization, shared by its clinics; CareRelation, who treats whom.
Names follow Peruvian papers: given names, paternal and maternal surname (D37). Clinical content is records'.
"""
