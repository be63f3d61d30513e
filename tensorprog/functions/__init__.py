"""What is known about a coordinatewise function: definitions, numbers, judgements with derivations."""
