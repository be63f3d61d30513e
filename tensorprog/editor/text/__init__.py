"""A text in tokens, its names and where they are declared; it need not be a program"""
