"""From a call of the application to the bytes of an event.

`context` keeps who acts and in which action; `build`, `clean` and `check` fill, shorten and test
the event. `coalesce` joins what is repeated.
"""
