"""Beam search, sampling, diverse decoding and teacher-forced scoring over one model interface."""
