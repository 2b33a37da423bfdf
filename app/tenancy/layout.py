"""Layout values: the clinics a user may choose from."""

from app.tenancy import queries

VALUES = {"clinics": queries.clinic_names}
