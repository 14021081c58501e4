"""Erasure, legal holds and expiry of records; proofs stay valid.

`erase` deletes sections and keeps their commitments, `holds` keeps records from it, `expiry`
deletes by retention class. Each act is an event of the log.
"""
