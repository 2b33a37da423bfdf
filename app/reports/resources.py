"""The shape of a run of a report as the API answers it."""

from pydantic import AwareDatetime

from app.http.resources import Resource


class RunResource(Resource):
    """``progress`` is percent, ``file_size`` in bytes."""

    id: int
    report: str
    format: str
    status: str
    progress: int
    step: str
    progress_url: str
    download_url: str | None
    file_name: str | None
    file_size: int | None
    sha256: str | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
