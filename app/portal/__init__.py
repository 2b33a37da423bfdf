"""The patient's own screens: coming visits, booking in three steps, moving, cancelling.

Reads scheduling, billing and clinics; owns no table.
"""
