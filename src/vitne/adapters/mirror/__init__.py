"""Mirrored logs as plain files in a folder."""
