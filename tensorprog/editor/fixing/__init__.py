"""Quick fixes: edits proposed by code, each tried before it is offered"""
