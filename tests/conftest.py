"""Settings that every test shares.

A test marked `long` runs with `--long` (`make long`); otherwise one in `SHARE` of them runs, always the same ones, and
random tests try `share.examples(n)` cases instead of n.
"""

import os
import zlib

import pytest
from hypothesis import HealthCheck, settings

from tests.share import LONG, SHARE

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run every test marked long, not a sample of them")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        os.environ[LONG] = "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    left_out = [i for i in items if i.get_closest_marker("long") and zlib.crc32(i.nodeid.encode()) % SHARE]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if i not in set(left_out)]
