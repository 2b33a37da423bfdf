"""What operators look at: the background work that is due, under way or given up.

Owns no table: it reads the tasks of the kernel, of the operator's own organization. Ids, kinds and counts alone; what a
task is about belongs to the package that added it.
"""
