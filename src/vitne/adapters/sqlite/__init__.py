"""One SQLite file (WAL, `synchronous=FULL`) holds the hot rows and the state of all logs.

`store.SqliteStores` opens it and hands out the four ports. `database` owns the connections, the
write lock and the migrations; `queries.sql` has every statement.
"""
