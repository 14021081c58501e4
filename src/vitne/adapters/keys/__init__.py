"""Private keys and index keys in a folder that only its owner may read."""
