"""Rules that few certificates need, each read only when it is used."""
