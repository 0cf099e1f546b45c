"""The graphs that are exported: a tile, an image of any size."""
