"""A page that shows what fires and what to do about it, and a watch over those that watch."""
