"""Scoring of many images: matching, results folders, summaries."""
