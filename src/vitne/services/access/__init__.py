"""Who may do what: tenants, API keys, and the events about those who read or administer.

`tenants_and_keys` makes, revokes and finds API keys. `logged_reads` writes an event for
every read before it is answered.
"""
