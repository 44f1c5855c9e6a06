"""What the door's functions do, without Chalice."""
