"""An export comes into place only after it was run and compared."""
