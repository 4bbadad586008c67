"""Real text for the scales beyond the testbed: found, checked, filtered, dealt into splits."""
