"""Which of two methods do people prefer? A blind form in one page, and what its answers say."""
