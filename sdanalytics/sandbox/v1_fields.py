"""The fields of reports of the unified Ads API v1, as far as the sandbox plays them.

The table itself is ``v1_fields.csv`` beside this file: each field's type, its required companions
and the dimensions that it does not go with are those of Amazon's catalogue. The other columns are
the sandbox's own: a metric is `plus` less `minus`, by `per`, of measures of the simulation.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Final, NamedTuple

ALL_VIEWS: Final = "allViews"
"""The model of fields whose results are attributed as they were before 2026-01-01."""
_CURRENCY: Final = "budgetCurrency.value"


class V1Field(NamedTuple):
    """A field of a report.

    Attributes
    ----------
    name : str
        Its id, such as ``metric.sales``.
    type : str
        Amazon's name of its type.
    requires : tuple of str
        Fields without which it is refused.
    not_with : tuple of str
        Dimensions that it is refused with.
    plus, minus, per : str
        Measures that it is made of; empty: none.
    model : str
        `ALL_VIEWS`, or empty.
    """

    name: str
    type: str
    requires: tuple[str, ...]
    not_with: tuple[str, ...]
    plus: str
    minus: str
    per: str
    model: str

    @property
    def group(self) -> str:
        """The dimension that it belongs to, or ``metric``."""
        return self.name.partition(".")[0]

    @property
    def is_metric(self) -> bool:
        """Whether it is a metric."""
        return self.group == "metric"

    @property
    def is_money(self) -> bool:
        """Whether it is in the currency of the account, or such an amount by a count."""
        return self.is_metric and _CURRENCY in self.requires


def _load_fields() -> dict[str, V1Field]:
    table = files("sdanalytics.sandbox").joinpath("v1_fields.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    fields = {}
    for row in csv.DictReader(lines):
        fields[row["field"]] = V1Field(
            name=row["field"],
            type=row["type"],
            requires=tuple(row["requires"].split()),
            not_with=tuple(row["not_with"].split()),
            plus=row["plus"],
            minus=row["minus"],
            per=row["per"],
            model=row["model"],
        )
    return fields


V1_FIELDS: Final = _load_fields()
"""Every field by its id."""
