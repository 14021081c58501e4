"""The HTTP interface: requests in, problems and documents out; services decide, and nothing here.

`assemble` puts the routes together, `server` runs them. The other chapters have the resources,
named after the chapters of `services` that they call.
"""
