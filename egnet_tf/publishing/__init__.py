"""What is published of a model: its files, its card, an app to try it in."""
