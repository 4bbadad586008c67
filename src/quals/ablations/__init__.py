"""What does each choice of QUALS and of ConSeq contribute? One change at a time, with truth."""
