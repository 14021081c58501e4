"""Who may do what: tenants, API keys, and the events about those who read or administer.

`doorkeeper` finds the key of a token, `tenants_and_keys` makes and revokes them. `logged_reads`
writes an event for every read before it is answered.
"""
