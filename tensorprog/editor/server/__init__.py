"""The language server: the protocol, and what is known of each open text"""
