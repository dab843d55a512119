"""What can be made to go wrong, what is wrong now, and how it acts."""
