"""Operations: the background tasks that are due, running or failed.

Owns no table: it reads the tasks of the kernel, of the operator's own organization. It shows ids, kinds
and counts; the payload of a task belongs to the package that added it.
"""
