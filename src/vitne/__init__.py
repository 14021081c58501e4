"""Vitne: an audit log that can prove, or disprove, that a person misused their access."""

__version__ = "0.1.0"
