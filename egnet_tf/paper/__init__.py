"""The reproduction: the paper's tables and figures, published numbers beside."""
