"""SQLite itself: connections, migrations, statements, and errors with a hint.

`database` has one connection that writes and a pool that reads, and empties the write-ahead log
beside the writer. The tables are served by the files one folder up.
"""
