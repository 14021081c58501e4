"""`POST /v1/events`: taking events, straight on ASGI.

The reply comes after the durable commit.
"""
