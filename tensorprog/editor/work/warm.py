"""Loads what jobs need, and runs each once: imported before processes are forked, so that no job waits for it."""

from __future__ import annotations

import gc

from tensorprog.editor.work.jobs import understand

TEXT = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight Wq, Wk ~ N(0, 1/n)
x[i] = tanh(u[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * x[j] for j)
output y
"""
list(understand(TEXT, None))
gc.freeze()  # what is here lives as long as the process: forks share it
