"""The one way in and out of an image file."""
