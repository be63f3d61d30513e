"""A build step: a wheel carries the pages that `tensorprog explain` prints. A checkout has them in docs/errors."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface[Any]):
    """Adds docs/errors to wheels, and not to editable installs, whose copy would grow stale."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"]["docs/errors"] = "tensorprog/docs/errors"
