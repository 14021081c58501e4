"""Commands that make and run a server: init, serve, tenant, key, demo.

The `demo_…` files fill a folder with a simulated month.
"""
