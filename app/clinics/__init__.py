"""The organization and what its clinics are made of.

Nouns: Organization, Clinic (with its settings: zone, currency, hours, notice), Room, Specialty,
Therapist (FHIR Practitioner), Service (FHIR HealthcareService with duration and price), Closure
(a day the clinic is shut), Ubigeo (district within province within region, INEI codes).
When somebody works is scheduling's; what was charged is billing's.
"""
