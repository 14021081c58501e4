"""One room for each thing outside: they do what a port promises, and decide nothing.

Rooms here are strangers to each other. What they share is `tests/conformance`, which each passes
whole.
"""
