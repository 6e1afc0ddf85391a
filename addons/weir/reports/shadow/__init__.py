"""Shadow AI as people read it: what is in use, by whom, what left, and what to do next."""
