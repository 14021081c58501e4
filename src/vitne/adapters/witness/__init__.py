"""Witnesses over HTTP, by httpx alone."""
