"""What the server does, one chapter a folder; each decides with the pure rooms.

Services touch the world through `vitne.ports`; none knows an adapter. All are synchronous. The
chapters, from the ground up; imports only go down:

    log         What all logs share: their names and keys, what they have published, and one
                round of growth.
    processes   Threads and processes that do the work of other chapters.
    writer      The one writer: many prepared requests, one durable transaction, then receipts
                and replies.
    trust       Who else watches a log: witnesses, index auditors, time stamps, and policies
                that name them.
    copies      Copies of a log: backups with their restore, and verified mirrors elsewhere.
    search      Searching and showing records, over recent rows and sealed segments alike.
    publish     Publishing: new entries go into the tree, tiles are written, the checkpoint is
                signed.
    seal        Sealing: old rows become a segment with its index, listed in the index log.
    check       fsck: hashing a folder again, from the records up.
    access      Who may do what: tenants, API keys, and the events about those who read or
                administer.
    intake      Intake: from the bytes of a request to a prepared request that waits for the
                writer.
    senders     Streams of senders and their keys: opening, heartbeats, gaps, closing.
    answers     Answers: from a question to a verdict with the evidence for it.
    erasure     Erasure, legal holds and expiry of records; proofs stay valid.

An event goes through `intake`, `writer`, `publish` and `seal`; a question through `answers`.
"""
