"""The clinics among which the reader of a page may choose."""

from app.tenancy import queries

VALUES = {"clinics": queries.clinic_names}
