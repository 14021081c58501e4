"""Tiles, checkpoints, staged files and segments as plain files in a folder."""
