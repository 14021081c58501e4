"""Commands that send and find: send, import, search, show, streams.

All but `import` talk to a server over HTTP.
"""
