"""Tables: organization and clinic."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Organization(Base):
    __tablename__ = "organization"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    shares_patients: Mapped[bool] = mapped_column(default=True)  # its clinics share the register of people (D39)


class Clinic(Base):
    """A place of work: what every package has to know of it. How it works is ``clinic_settings`` of ``clinics``."""

    __tablename__ = "clinic"

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id), index=True)
    name: Mapped[str] = mapped_column(String(120))
    timezone: Mapped[str] = mapped_column(String(40), default="America/Lima")
    currency: Mapped[str] = mapped_column(String(3), default="PEN")
    is_active: Mapped[bool] = mapped_column(default=True)
