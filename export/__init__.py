"""Writes trained networks as files for other programs, each checked."""
