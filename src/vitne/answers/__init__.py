"""Questions about who did what, and what an answer may say: pure, the same for server and court."""
