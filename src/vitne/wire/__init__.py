"""The request and reply structs of the HTTP interface: pure, and written once.

`vitne.api` makes the replies and decodes the requests; the command line and the SDK do the reverse.
A reader ignores members that it does not know, so a reply may grow. What is arbitrary JSON by its
nature, such as an event with its payload, stays a dictionary.
"""
