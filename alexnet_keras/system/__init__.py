"""Files, progress, signals, hardware and errors: what any program needs. Nothing here knows about networks."""
