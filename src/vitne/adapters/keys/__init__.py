"""Private keys and index secrets in a folder that only its owner may read."""
