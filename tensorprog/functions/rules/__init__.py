"""Facts about a term from facts about its parts."""
