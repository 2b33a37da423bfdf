"""The page of one patient: personal data, and a slot for each package that knows the patient.

Owns no table.
"""
