"""From untrusted bytes to a checked event, or to every problem that it has.

`schema` is the event `vitne.audit/1.0` as types; `validate` is the plain way to check it, `quick`
and `check` the fast ones, and tests hold them equal. `sections` and `facets` take a checked event
apart for storing and for searching.
"""
