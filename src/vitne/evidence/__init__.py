"""What leaves the house as evidence, and how an outsider verifies it offline.

    record_proof   `vitne-record/v1`: one record, opened, with its way to a signed checkpoint
    tlog_proof     C2SP tlog-proof: the same way for one entry, without what it commits to
    bundle         `vitne-bundle/v1`: a question, its answer, and everything to check it with
    bundle_build   makes one of what a server has proven
    answer_claims  what an answer says, on whose word, and what it does not say
    policy         C2SP tlog-policy: whose keys to trust, and how many witnesses
    claims         what was proved, on what trust, and what was not: in plain language

Pure: bytes in, results out. Needs only `pip install vitne`.
"""
