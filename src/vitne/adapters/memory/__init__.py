"""Every port in plain Python: the twin that the real adapters are compared with, and a test tool.

Simple and obviously right comes before fast: searches go through all records with
`core.filter.matches`, a transaction works on copies and puts them in place at its end.
`vitne.testing` hands these out. Nothing survives the process.
"""
