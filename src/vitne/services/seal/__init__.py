"""Sealing: old rows become a segment with its index, listed in the index log.

`due` says when and what (pure), `segments` does it, `worker` runs the heavy part in a process of
its own. Rows leave the database only after their segment was verified.
"""
