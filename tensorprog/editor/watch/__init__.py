"""A page on a file, served to this machine, that reloads itself"""
