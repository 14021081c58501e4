"""Who else watches a log: witnesses, index auditors, time stamps, and policies that name them.

`ask_witnesses` collects cosignatures, `contradictions` keeps what witnesses and auditors object to.
`witness_service` is the other side: this server as a witness of other logs.
"""
