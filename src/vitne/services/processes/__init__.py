"""Threads and processes that do the work of other chapters.

`loop` repeats a task at intervals; `exit` ends a working process at once and in silence.
"""
