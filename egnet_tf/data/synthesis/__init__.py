"""Synthetic motion blur, made from sharp images as cameras make it."""
