"""The one way in and out of a video file, by PyAV (extra `video`)."""
