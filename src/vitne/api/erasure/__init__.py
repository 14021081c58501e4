"""Erasures, legal holds and retention.

Each call needs an administrator and is recorded.
"""
