"""What all logs share: their names and keys, what they have published, and one round of growth.

`published_files` reads what a log serves; `grown_tree` and `staged_round` say what a round writes
and in which order. Every other chapter of the services may import this one.
"""
