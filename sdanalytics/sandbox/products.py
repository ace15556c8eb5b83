"""The products of the sandbox's advertisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.identifiers import (
    make_asin,
    make_sku,
    name_accessory,
)

if TYPE_CHECKING:
    import pandas as pd


def list_products() -> pd.DataFrame:
    """List the products of the sandbox's advertisers, as a seller's export of listings does.

    Amazon's reports have ASINs, and no names of products: with your own account take them from
    your catalogue, such as an inventory report of Seller Central.

    Returns
    -------
    pandas.DataFrame
        `profileId` (Int64), `asin`, `sku`, `productName` (str); one row for each product of a
        profile.

    Examples
    --------
    >>> from sdanalytics import sandbox
    >>> products = sandbox.list_products()
    >>> products.set_index("asin")["productName"].head(2).tolist()
    ['Tent 2P', 'Tent 4P']
    """
    import pandas as pd

    rows = []
    for advertiser in ADVERTISERS.values():
        advertised = [*advertiser.products, *advertiser.launch_products]
        accessories = [name_accessory(product) for product in advertised]
        for product in (*advertised, *accessories):
            asin = make_asin(product)
            sku = make_sku(product)
            rows.append((advertiser.profile_id, asin, sku, product))
    frame = pd.DataFrame(rows, columns=["profileId", "asin", "sku", "productName"])
    return frame.astype({"profileId": "Int64"})
