"""What is known of a text: diagnostics, limits, hovers, completion"""
