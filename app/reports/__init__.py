"""Reports: a registry of definitions, runs that a worker builds, files in PDF, XLSX, CSV and JSON.

Nouns: Report (a definition that a domain registers in ``wiring``: permission, query, columns, template),
ReportRun (one request of a user: progress, file, hash). Knows nothing of appointments or money.
"""
