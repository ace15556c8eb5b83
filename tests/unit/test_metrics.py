"""The catalogue: the metrics of each API version, their names, and errors for others."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, summarize
from sdanalytics.analysis.kpi_definitions import is_attributed, metric_unit
from sdanalytics.model.dtypes import arrow_schema, table_to_frame
from sdanalytics.model.literals import Api, RecordType, Segment
from sdanalytics.model.metric_list import list_metrics
from sdanalytics.model.metrics import (
    CAMPAIGN_FACTS,
    CATALOGUE,
    RECORD_TYPES,
    V2_NAME_BY_V3_NAME,
    ColumnKind,
    available_metrics,
    default_metrics,
    identity_columns,
    requestable_metrics,
    segmented_record_types,
    sort_by_catalogue,
)
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.metric_selector import MetricSelector

# The numbers of metrics in the references for each report: versions 2, 3 and 1.
COUNTS: dict[tuple[RecordType, Segment | None], tuple[int, int, int]] = {
    ("campaigns", None): (52, 68, 134),
    ("adGroups", None): (51, 66, 130),
    ("productAds", None): (54, 69, 133),
    ("targets", None): (53, 67, 0),
    ("asins", None): (32, 29, 21),
    ("campaigns", "matchedTarget"): (44, 56, 124),
    ("adGroups", "matchedTarget"): (42, 61, 126),
    ("targets", "matchedTarget"): (46, 62, 0),
}

ONLY_IN_VERSION_3 = ("invalidTraffic",)
"""Record types, with metrics of their own."""
OF_INVALID_TRAFFIC = (
    "grossClickThroughs", "grossImpressions", "invalidClickThroughs", "invalidClickThroughRate",
    "invalidImpressions", "invalidImpressionRate",
)  # fmt: skip

KNOWN_BY_OTHER_NAMES = {
    f"{result}{by}{scope}"
    for result in ("purchases", "sales", "unitsSold")
    for by, scope in (
        ("", ""), ("FromClicks", ""), ("", "Halo"), ("FromClicks", "Halo"),
        ("FromClicks", "Promoted"),
    )
    if result + by + scope != "unitsSoldFromClicksPromoted"
} | {
    f"newToBrand{result}{by}" for result in ("Purchases", "Sales", "UnitsSold")
    for by in ("", "FromClicks")
}  # fmt: skip
"""Results of version 1 that version 2 has, by its names."""
ONLY_IN_VERSION_1 = {"detailPageViewsFromViews"} | {
    f"{result}{by}{scope}"
    for result in (
        "purchases", "sales", "unitsSold",
        *(f"allViews{kind}" for kind in ("Purchases", "Sales", "UnitsSold")),
        *(f"newToBrand{kind}" for kind in ("Purchases", "Sales", "UnitsSold")),
    )
    for by in ("", "FromClicks", "FromViews")
    for scope in ("", "Promoted", "Halo")
} - KNOWN_BY_OTHER_NAMES  # fmt: skip

WINDOWS = (1, 7, 14, 30)
OF_VERSION_2 = {
    *(f"attributed{kind}{n}d{sku}" for kind in ("Conversions", "Sales") for n in WINDOWS
      for sku in ("", "SameSKU", "OtherSKU")),
    *(f"attributedUnitsOrdered{n}d{sku}" for n in WINDOWS for sku in ("", "OtherSKU")),
    *(f"viewAttributed{kind}{n}dOtherSKU" for kind in ("Conversions", "Sales", "UnitsOrdered")
      for n in WINDOWS),
    *(f"viewAttributed{kind}14d" for kind in ("Conversions", "Sales", "UnitsOrdered")),
    *(f"{event}{kind}14d" for event in ("attributed", "viewAttributed") for kind in (
        "BrandedSearches", "DetailPageView", "OrdersNewToBrand", "SalesNewToBrand",
        "UnitsOrderedNewToBrand")),
    *(f"video{kind}" for kind in ("CompleteViews", "FirstQuartileViews", "MidpointViews",
      "ThirdQuartileViews", "Unmutes")),
    "adGroupId", "adGroupName", "adId", "asin", "avgImpressionsFrequency", "bidOptimization",
    "campaignBudget", "campaignId", "campaignName", "campaignStatus", "clicks", "cost",
    "costType", "cumulativeReach", "currency", "impressions", "matchedTarget", "otherAsin",
    "sku", "targetId", "targetingExpression", "targetingText", "targetingType",
    "vctr", "viewImpressions", "vtr",
}  # fmt: skip

# Metrics of version 3 only: their kind, and a part of their meaning.
BOTH, CLICK, VIEW = (
    f", within 14 days of a {kind} an ad"
    for kind in ("view of or a click on", "click on", "view of")
)
OF_VERSION_3 = {
    "addToCart": (ColumnKind.COUNT, BOTH),
    "addToCartClicks": (ColumnKind.COUNT, CLICK),
    "addToCartRate": (ColumnKind.RATIO, "divided by impressions"),
    "addToCartViews": (ColumnKind.COUNT, VIEW),
    "addToList": (ColumnKind.COUNT, BOTH),
    "addToListFromClicks": (ColumnKind.COUNT, CLICK),
    "addToListFromViews": (ColumnKind.COUNT, VIEW),
    "qualifiedBorrows": (ColumnKind.COUNT, BOTH),
    "qualifiedBorrowsFromClicks": (ColumnKind.COUNT, CLICK),
    "qualifiedBorrowsFromViews": (ColumnKind.COUNT, VIEW),
    "royaltyQualifiedBorrows": (ColumnKind.MONEY, BOTH),
    "royaltyQualifiedBorrowsFromClicks": (ColumnKind.MONEY, CLICK),
    "royaltyQualifiedBorrowsFromViews": (ColumnKind.MONEY, VIEW),
    "brandedSearchesViews": (ColumnKind.COUNT, VIEW),
    "brandedSearchRate": (ColumnKind.RATIO, "divided by impressions"),
    "eCPAddToCart": (ColumnKind.MONEY, "cost divided by"),
    "eCPBrandSearch": (ColumnKind.MONEY, "cost divided by"),
    "longTermSales": (ColumnKind.MONEY, "next 12 months"),
    "longTermROAS": (ColumnKind.RATIO, "divided by cost"),
    "newToBrandDetailPageViewClicks": (ColumnKind.COUNT, CLICK),
    "newToBrandDetailPageViewRate": (ColumnKind.RATIO, "divided by impressions"),
    "newToBrandDetailPageViews": (ColumnKind.COUNT, BOTH),
    "newToBrandDetailPageViewViews": (ColumnKind.COUNT, VIEW),
    "newToBrandECPDetailPageView": (ColumnKind.MONEY, "cost divided by"),
    "adKeywordStatus": (ColumnKind.CATEGORY, "State of the target"),
    "kindleEditionNormalizedPagesRead": (ColumnKind.COUNT, BOTH),
    "kindleEditionNormalizedPagesReadFromClicks": (ColumnKind.COUNT, CLICK),
    "kindleEditionNormalizedPagesReadFromViews": (ColumnKind.COUNT, VIEW),
    "kindleEditionNormalizedPagesRoyalties": (ColumnKind.MONEY, BOTH),
    "kindleEditionNormalizedPagesRoyaltiesFromClicks": (ColumnKind.MONEY, CLICK),
    "kindleEditionNormalizedPagesRoyaltiesFromViews": (ColumnKind.MONEY, VIEW),
    "linkOuts": (ColumnKind.COUNT, "names no report"),
}


@pytest.mark.parametrize(("report", "counts"), COUNTS.items(), ids=str)
def test_reports_have_the_metrics_of_the_references(
    report: tuple[str, str | None], counts: tuple[int, int, int]
) -> None:
    versions = ("v2", "v3", "v1")
    assert tuple(len(requestable_metrics(*report, api)) for api in versions) == counts
    of_any = {name for api in versions for name in requestable_metrics(*report, api)}
    assert requestable_metrics(*report, None) == sort_by_catalogue(of_any)
    assert requestable_metrics(*report) == requestable_metrics(*report, "v2")


@pytest.mark.parametrize("report", [*COUNTS, ("invalidTraffic", None)], ids=str)
def test_facts_of_campaigns_may_be_asked_for_with_any_report(
    report: tuple[str, str | None],
) -> None:
    for api in ("v2", "v3", None):
        if api == "v2" and report[0] in ONLY_IN_VERSION_3:
            assert available_metrics(*report, api) == ()
            continue
        own = requestable_metrics(*report, api)
        assert available_metrics(*report, api) == sort_by_catalogue({*own, *CAMPAIGN_FACTS})
        columns = {*identity_columns(*report), *default_metrics(*report, api)}
        assert {"costType", "campaignName"} <= columns
        query = ReportQuery.parse(
            report[0], "2026-11-01", metrics=CAMPAIGN_FACTS, segment=report[1], api=api
        )
        assert query.metrics == CAMPAIGN_FACTS
        assert query.stored_columns == identity_columns(*report)


def test_all_reports_are_in_the_catalogue() -> None:
    able = segmented_record_types()
    assert [report for report, segment in COUNTS if segment] == list(able)
    in_both = [report for report, segment in COUNTS if not segment]
    assert [*in_both, *ONLY_IN_VERSION_3] == list(RECORD_TYPES)
    every = {name for report in COUNTS for name in available_metrics(*report, None)}
    assert every | set(OF_INVALID_TRAFFIC) == set(CATALOGUE)
    assert [name for name in every if not CATALOGUE[name].requestable_in(None)] == ["portfolioId"]


def test_names_of_version_2_stay_and_those_of_later_versions_follow() -> None:
    names = list(CATALOGUE)
    assert len(OF_VERSION_2) == 88
    assert set(names[:88]) == OF_VERSION_2
    newest = [*OF_VERSION_3, *OF_INVALID_TRAFFIC, "portfolioId"]
    assert names[88 : -len(ONLY_IN_VERSION_1)] == newest
    assert set(names[-len(ONLY_IN_VERSION_1) :]) == ONLY_IN_VERSION_1
    assert all(CATALOGUE[name].reports for name in OF_VERSION_2)
    assert not any(CATALOGUE[name].reports for name in OF_VERSION_3)
    assert "attributedSales7d" not in available_metrics("adGroups", "matchedTarget")


def test_metrics_of_version_3_only_have_kind_and_meaning() -> None:
    for name, (kind, text) in OF_VERSION_3.items():
        metric = CATALOGUE[name]
        assert (metric.v3_name, metric.kind) == (name, kind)
        assert text in metric.meaning
    texts = [metric.meaning for metric in CATALOGUE.values()]
    assert all(texts)
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize(
    ("name", "v3_name"),
    [
        ("attributedConversions14d", "purchasesClicks"),
        ("viewAttributedConversions14d", "purchases"),
        ("attributedConversions14dSameSKU", "purchasesPromotedClicks"),
        ("attributedSales14d", "salesClicks"),
        ("viewAttributedSales14d", "sales"),
        ("attributedSales14dOtherSKU", "salesBrandHaloClicks"),
        ("viewAttributedSales14dOtherSKU", "salesBrandHalo"),
        ("viewAttributedUnitsOrderedNewToBrand14d", "newToBrandUnitsSold"),
        ("attributedBrandedSearches14d", "brandedSearchesClicks"),
        ("viewImpressions", "impressionsViews"),
        ("vtr", "viewabilityRate"),
        ("vctr", "viewClickThroughRate"),
        ("avgImpressionsFrequency", "impressionsFrequencyAverage"),
        ("currency", "campaignBudgetCurrencyCode"),
        ("asin", "promotedAsin"),
        ("otherAsin", "asinBrandHalo"),
        ("targetId", "targetingId"),
        ("matchedTarget", "matchedTargetAsin"),
        ("clicks", "clicks"),
        ("attributedSales7d", None),
        ("targetingType", None),
    ],
)
def test_a_metric_has_one_name_in_each_version(name: str, v3_name: str | None) -> None:
    assert CATALOGUE[name].v3_name == v3_name
    if v3_name:
        assert V2_NAME_BY_V3_NAME[v3_name] == name


KEPT_FROM_VERSION_2 = 54
"""How many metrics of version 2 version 3 has, too."""
NAMED_IN_VERSION_3 = KEPT_FROM_VERSION_2 + len(OF_VERSION_3) + len(OF_INVALID_TRAFFIC)


def test_version_3_names_are_unambiguous() -> None:
    named = [metric.v3_name for metric in CATALOGUE.values() if metric.v3_name]
    assert len(named) == len(V2_NAME_BY_V3_NAME) == NAMED_IN_VERSION_3
    assert all(V2_NAME_BY_V3_NAME[name] == name for name in V2_NAME_BY_V3_NAME if name in CATALOGUE)
    for metric in CATALOGUE.values():
        assert bool(metric.v3_name) == bool(metric.v3_reports)


def test_only_windows_and_targeting_type_lack_a_version_3_name() -> None:
    lost = {
        name
        for name, metric in CATALOGUE.items()
        if metric.v3_name is None and name not in ONLY_IN_VERSION_1
    }
    windows = {name for name in OF_VERSION_2 if re.search(r"[a-zA-Z](1|7|30)d", name)}
    assert lost == windows | {"targetingType", "portfolioId"}


@pytest.mark.parametrize("report", COUNTS, ids=str)
def test_identity_columns_exist_in_both_versions(
    report: tuple[str, str | None],
) -> None:
    for api in ("v2", "v3"):
        assert set(identity_columns(*report)) <= set(available_metrics(*report, api))


def test_version_3_defaults_are_the_version_2_defaults_it_has() -> None:
    lost = {
        report: set(default_metrics(*report)) - set(default_metrics(*report, "v3"))
        for report in COUNTS
    }
    assert {report: names for report, names in lost.items() if names} == {
        ("targets", None): {"targetingType"},
        ("targets", "matchedTarget"): {"targetingType"},
        ("campaigns", "matchedTarget"): {
            "campaignBudget", "campaignStatus", "viewAttributedSalesNewToBrand14d",
        },
    }  # fmt: skip
    for report in COUNTS:
        defaults = default_metrics(*report, "v3")
        assert set(defaults) <= set(default_metrics(*report)) & set(
            available_metrics(*report, "v3")
        )
        assert "currency" in defaults
        assert default_metrics(*report, None) == default_metrics(*report)


def test_amounts_are_additive_and_ratios_are_not() -> None:
    summable = [name for name in OF_VERSION_3 if CATALOGUE[name].is_summable]
    assert summable == [
        name
        for name, (kind, _) in OF_VERSION_3.items()
        if kind is ColumnKind.COUNT or name == "longTermSales" or "oyalt" in name
    ]
    not_summable = {
        name
        for name in OF_VERSION_2
        if CATALOGUE[name].kind not in (ColumnKind.ID, ColumnKind.TEXT, ColumnKind.CATEGORY)
        and not CATALOGUE[name].is_summable
    }
    assert not_summable == {
        "campaignBudget", "cumulativeReach", "avgImpressionsFrequency", "vtr", "vctr",
    }  # fmt: skip
    for metric in CATALOGUE.values():
        assert (metric.kind is ColumnKind.MONEY) == metric.unit.startswith("currency")
        assert (metric.kind is ColumnKind.MONEY) >= ("Sales" in metric.name)
        assert (metric.kind is ColumnKind.COUNT) == (metric.unit == "count")


# -- invalid queries -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "report", "api", "message"),
    [
        (
            "attributedSales7d", "campaigns", "v3",
            "'attributedSales7d' is not a metric of version 3, which has the 14-day window only: "
            "'attributedSales14d'",
        ),
        ("attributedConversions1dSameSKU", "targets", "v3", "'attributedConversions14dSameSKU'"),
        ("viewAttributedSales30dOtherSKU", "asins", "v3", "'viewAttributedSales14dOtherSKU'"),
        ("attributedSales7dOtherSKU", "campaigns", "v3", "'attributedSales14dOtherSKU', for asins"),
        ("targetingType", "targets", "v3", "'targetingType' has no equivalent in version 3"),
        (
            "campaignBudget", "campaigns+matchedTarget", "v3",
            "'campaignBudget' has no equivalent in version 3 for campaigns+matchedTarget; it has "
            "one for campaigns",
        ),
        ("otherAsin", "campaigns", "v3", "not available for campaigns; it is for asins"),
        ("longTermSales", "targets", "v3", "it is for campaigns"),
        (
            "addToCart", "campaigns", "v2",
            "'addToCart' is not a metric of version 2; version 3 has it (api=\"v3\")",
        ),
        ("longTermSales", "asins", "v2", 'version 3 has it (api="v3"), for campaigns'),
        (
            "attributedSalesNewToBrand14d", "adGroups", "v2",
            "it is for campaigns, productAds, targets, campaigns+matchedTarget, "
            'targets+matchedTarget; version 3 has it for adGroups too (api="v3")',
        ),
        ("longTermSales", "asins", None, "not available for asins; it is for campaigns"),
        (
            "salesClicks", "campaigns", "v3",
            "'salesClicks' is the version 3 name of 'attributedSales14d': use that",
        ),
        ("purchases", "campaigns", "v2", "version 3 name of 'viewAttributedConversions14d'"),
        ("sales", "campaigns", None, "version 3 name of 'viewAttributedSales14d'"),
        (
            "campaignBudgetAmount", "campaigns+matchedTarget", "v3",
            "'campaignBudget': use that; 'campaignBudget' has no equivalent",
        ),
        ("addToCarts", "campaigns", "v3", "did you mean 'addToCart'?"),
        ("attributedSales7", "campaigns", "v2", "did you mean 'attributedSales7d'?"),
        ("attributedSales7", "campaigns", "v3", "did you mean 'attributedSales14d'?"),
        ("qqqq", "campaigns", "v3", "available('campaigns', api='v3') lists them"),
    ],
)  # fmt: skip
def test_missing_metrics_are_rejected_with_an_alternative(
    metric: str, report: str, api: str | None, message: str
) -> None:
    record_type, _, segment = report.partition("+")
    options: dict[str, Any] = {"segment": segment or None, "api": api}
    with pytest.raises(InvalidRequest) as caught:
        ReportQuery.parse(record_type, "2026-11-01", metrics=["campaignId", metric], **options)
    assert message in str(caught.value)
    assert str(caught.value).startswith(repr(metric))


def test_missing_attribution_windows_name_the_available_one() -> None:
    others = ("targetingType", "portfolioId", *ONLY_IN_VERSION_1)
    lost = [m for m in CATALOGUE.values() if not m.v3_name and m.name not in others]
    assert len(lost) == 33
    for metric in lost:
        for record_type in set(RECORD_TYPES) & metric.reports:
            with pytest.raises(InvalidRequest, match="14-day window only") as caught:
                ReportQuery.parse(record_type, "2026-11-01", metrics=metric.name, api="v3")
            instead = str(caught.value).split("'")[-2]
            assert instead in available_metrics(record_type, api="v3")
            assert "14d" in instead


@pytest.mark.parametrize("report", COUNTS, ids=str)
def test_all_metrics_of_a_version_can_be_requested(report: tuple[str, str | None]) -> None:
    record_type, segment = report
    for api in ("v2", "v3", None):
        names = available_metrics(record_type, segment, api)
        query = ReportQuery.parse(
            record_type, "2026-11-01", metrics=names, segment=segment, api=api
        )
        assert query.metrics == names
        defaults = ReportQuery.parse(record_type, "2026-11-01", segment=segment, api=api)
        assert defaults.metrics == default_metrics(record_type, segment, api)


def test_an_unknown_version_is_rejected() -> None:
    with pytest.raises(
        InvalidRequest, match=r"api must be one of v2, v3, v1, got 'V3'; did you mean 'v3'\?"
    ):
        ReportQuery.parse("campaigns", "2026-11-01", api="V3")
    with pytest.raises(InvalidRequest, match="api must be one of v2, v3, v1, got 3"):
        available_metrics("campaigns", api=3)  # type: ignore[arg-type]


# -- the catalogue as a frame ----------------------------------------------------------------


class TestListMetrics:
    def test_all_metrics_are_listed(self) -> None:
        listed = list_metrics()
        assert listed["metric"].tolist() == list(CATALOGUE)
        assert listed.dtypes.astype("str").to_dict() == {
            "metric": "str", "v3_name": "str", "v1_name": "str", "dtype": "str", "unit": "str",
            "meaning": "str", "is_summable": "bool", "changed": "datetime64[s]", "v2": "bool",
            "v3": "bool", "v1": "bool", "reports": "str",
        }  # fmt: skip
        assert listed.index.equals(pd.RangeIndex(len(CATALOGUE)))
        without_name = 1  # the portfolio, of the list of campaigns
        assert listed["v2"].sum() == len(OF_VERSION_2) + without_name
        assert listed["v3"].sum() == NAMED_IN_VERSION_3 + without_name
        named = listed[listed["metric"] != "portfolioId"]
        assert (named["v3_name"].isna() == ~named["v3"]).all()
        from_list = named["metric"].isin(CAMPAIGN_FACTS)
        assert (named["v1_name"].isna() == ~named["v1"])[~from_list].all()
        assert listed.drop(columns=["v3_name", "v1_name", "changed"]).notna().all(axis=None)

    def test_results_attributed_to_views_are_marked(self) -> None:
        listed = list_metrics()
        by_view = listed["metric"].str.startswith("viewAttributed")
        new = [
            name
            for name in ONLY_IN_VERSION_1
            if "FromClicks" not in name and not name.startswith("allViews")
        ]
        by_view |= listed["metric"].isin(new)
        assert (listed["changed"] == "2026-01-01").equals(by_view)
        assert listed.loc[~by_view, "changed"].isna().all()

    def test_dtypes_are_those_of_the_frame(self) -> None:
        listed = list_metrics().set_index("metric")["dtype"]
        frame = table_to_frame(arrow_schema(list(CATALOGUE)).empty_table())
        assert {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == listed.to_dict()

    def test_the_list_can_be_searched(self) -> None:
        m = list_metrics("adGroups", api="v3")
        found = m[m["meaning"].str.contains("new to")]["metric"].tolist()
        assert "attributedSalesNewToBrand14d" in found
        assert "newToBrandDetailPageViews" in found
        assert len(found) == 11

    @pytest.mark.parametrize("report", COUNTS, ids=str)
    @pytest.mark.parametrize("api", ["v2", "v3", None])
    def test_a_report_of_a_version(
        self, report: tuple[RecordType, Segment | None], api: Api | None
    ) -> None:
        listed = list_metrics(*report, api)
        assert tuple(listed["metric"]) == available_metrics(*report, api)
        for version in ("v2", "v3"):
            has = set(available_metrics(*report, version))
            assert listed["metric"].isin(has).equals(listed[version].rename("metric"))

    def test_other_reports_of_a_metric_are_listed(self) -> None:
        def reports(api: Api | None) -> str:
            listed = list_metrics("adGroups", api=api).set_index("metric")
            return str(listed.loc["bidOptimization", "reports"])

        assert reports("v2") == "adGroups, adGroups+matchedTarget"
        assert reports("v3") == reports(None) == "adGroups, productAds, adGroups+matchedTarget"

    def test_a_segment_of_any_report(self) -> None:
        listed = list_metrics(segment="matchedTarget")["metric"]
        every = {
            name
            for t in segmented_record_types()
            for name in available_metrics(t, "matchedTarget", None)
        }
        assert set(listed) == every
        assert "adId" not in every
        assert "matchedTarget" in every

    @pytest.mark.parametrize(
        ("invalid", "message"),
        [
            ({"record_type": "campaign"}, "did you mean 'campaigns'"),
            ({"segment": "matched"}, "did you mean 'matchedTarget'"),
            (
                {"record_type": "asins", "segment": "matchedTarget"},
                "campaigns, adGroups, targets can",
            ),
            ({"api": "v4"}, "api must be one of v2, v3, v1, got 'v4'"),
            ({"api": ""}, "got ''"),
            ({"record_type": ["campaigns"]}, "must be one of campaigns"),
        ],
    )
    def test_unknown_values_are_rejected(self, invalid: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            list_metrics(**invalid)
        assert message in str(caught.value)


# -- metrics of version 3 only, in frames and the picker -------------------------------------


def test_rates_and_costs_of_version_3_are_computed_from_the_sums() -> None:
    rows = pd.DataFrame(
        {
            "campaignName": ["a", "a"],
            "impressions": [100, 300],
            "cost": [10.0, 2.0],
            "addToCart": [3, 1],
            "addToCartRate": [0.03, 0.0033],
            "eCPAddToCart": [3.33, 2.0],
            "longTermSales": [50.0, 10.0],
            "longTermROAS": [5.0, 5.0],
            "attributedSales14d": [1.0, 2.0],
        }
    )
    with pytest.warns(UserWarning, match="no costType"):
        (row,) = summarize(rows, by="campaignName").to_dict("records")
    assert (row["addToCart"], row["longTermSales"]) == (4, 60.0)
    assert (row["addToCartRate"], row["eCPAddToCart"], row["longTermROAS"]) == (0.01, 3.0, 5.0)
    assert [metric_unit(name) for name in ("addToCartRate", "eCPAddToCart", "longTermROAS")] == [
        "fraction", "currency", "ratio",
    ]  # fmt: skip


def test_numbers_of_version_3_only_are_conversion_metrics() -> None:
    numbers = {name for name, (kind, _) in OF_VERSION_3.items() if kind is not ColumnKind.CATEGORY}
    assert {name for name in OF_VERSION_3 if is_attributed(name)} == numbers - {"linkOuts"}
    assert not any(map(is_attributed, ("clicks", "cost", "vtr", "videoUnmutes", "campaignName")))


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"record_type": "campaigns", "api": "v2"}, 'no addToCart: fetch with api="v3"'),
        ({"record_type": "campaigns", "api": "v3"}, "metrics=[..., 'addToCart']"),
        ({"record_type": "campaigns"}, "metrics=[..., 'addToCart']"),
        ({"record_type": "asins", "api": "v2"}, "no addToCart: fetch another record type"),
    ],
)
def test_a_missing_column_names_the_report_that_has_it(notes: dict[str, str], message: str) -> None:
    frame = pd.DataFrame({"campaignName": ["a"], "clicks": [1]})
    frame.attrs["sdanalytics"] = notes
    with pytest.raises(InvalidRequest) as caught:
        sda.plots.top(frame, "addToCart", by="campaignName")
    assert message in str(caught.value)


def test_the_picker_offers_what_the_version_has() -> None:
    choice: Any = MetricSelector()
    for api in ("v3", "v2"):
        choice.set_report("targets", None, api)
        offered = {value for value, _, _ in choice.list.options}
        assert offered == set(available_metrics("targets", api=api)) - set(
            identity_columns("targets")
        )
        assert choice.value == default_metrics("targets", api=api)
    with pytest.raises(InvalidRequest, match='api="v3"'):
        choice.value = ("addToCart",)
    choice.set_report("targets", None, "v3")
    choice.value = ("addToCart",)
    assert choice.value == ("addToCart",)
    choice.close()
