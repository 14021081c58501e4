"""For operators: health, readiness, and tenants.

`health` answers probes, `tenants` lists what a key may see.
"""
