"""The rules of the log: bytes and structs in, bytes and structs out; no I/O, clock or chance."""
