"""`GET /v1/events` and one event: searching and showing.

Every read is recorded before it is answered.
"""
