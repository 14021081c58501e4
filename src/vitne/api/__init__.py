"""The HTTP door: requests in, problems and documents out; it decides nothing that a service could.

`app` puts the routes together, `server` runs them; `events`, `log`, `tenants`, `health` and
`metrics` are the resources; `bodies`, `problems`, `replies` and `access` what they share.
"""
