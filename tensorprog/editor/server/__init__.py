"""The language server: the protocol, and the processes that do what takes long"""
