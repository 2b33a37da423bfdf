"""Table: report runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.identity.models import User
from app.kernel.db import Base
from app.tenancy.models import Clinic


class ReportRun(Base):
    """One request for one report in one format; its task (``BUILD_REPORT``, the key is this id) builds it."""

    __tablename__ = "report_run"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="status"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index("ix_report_run_user", "user_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    report: Mapped[str] = mapped_column(String(40))
    format: Mapped[str] = mapped_column(String(5))  # pdf, xlsx, csv, json
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(8), default="queued")
    progress: Mapped[int] = mapped_column(default=0)
    step: Mapped[str] = mapped_column(String(120), default="")  # "120 de 300 filas"
    file_key: Mapped[str | None] = mapped_column(String(80))
    file_name: Mapped[str | None] = mapped_column(String(120))
    file_size: Mapped[int | None]
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
