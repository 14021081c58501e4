"""Time-stamp authorities (RFC 3161); the one door of rfc3161-client."""
