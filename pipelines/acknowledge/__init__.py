"""Acknowledge: whoever sent a file is told what became of it, then its original is moved."""
