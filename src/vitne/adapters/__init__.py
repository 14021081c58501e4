"""One folder for each thing outside: they do what a port promises, and decide nothing.

They do not import each other. Each passes the whole of `tests/conformance`.
"""
