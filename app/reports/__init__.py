"""Reports: a registry of definitions, runs that a worker builds, files in PDF, XLSX, CSV and JSON.

Nouns: Report (a definition that a domain registers in ``wiring``: permission, query, columns, template),
ReportRun (somebody asked for it; progress, file, hash). Knows no word of the clinic's money or time.
"""
