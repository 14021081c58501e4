"""Middleware for web applications: it binds who acts and the action id for the time of a request.

`middleware` is for ASGI and WSGI, `tokens` reads the person from a signed-in request.
"""
