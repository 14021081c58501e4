"""One verb a file, in the order of an event's life.

*Taking in*: `ingest` (`prepare`, `conflict`) → `append` (`waiting`, `plan`, `stream`, `receipts`,
`forget`) → `publish` (`stage`, `publisher`, `published`, `recover`) → `seal` (`sealer`).
*Reading*: `search`, `show`, `reading`. *Keeping*: `fsck`, `onboard`, `quota`, `own_events`.

Services decide with the pure rooms and touch the world through `vitne.ports`; none knows an
adapter. All are synchronous.
"""
