"""The HTTP server below the routes: protocol, bodies, access, replies and problems.

`server` runs uvicorn with our protocol, `access` finds the key and who acts, `problems` maps errors
to status codes.
"""
