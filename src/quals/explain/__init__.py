"""Why is a summary's score what it is? Evidence for each pair, as a page or as plain text."""
