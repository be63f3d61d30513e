"""What an editor asks of a program text, and the server that answers it."""
