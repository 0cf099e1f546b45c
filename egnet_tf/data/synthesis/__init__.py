"""Blur as cameras make it, from sharp images."""
