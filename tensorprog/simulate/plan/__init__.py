"""What must be drawn, decided before anything is drawn."""
