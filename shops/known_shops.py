"""What is known of each shop: the rules of its importer, and the options of an upload that suit it.

Read in November 2026. To add a shop: an entry of SHOPS, and a line of docs/tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from shops import rules
from shops.rules import Certainty, Rule, Source

CERTAIN, LIKELY, HINT = Certainty


class Target(StrEnum):
    """Whose importer is meant: the values of ``for`` and ``target``."""

    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    GOOGLE = "google"
    MAGENTO = "magento"
    PRESTASHOP = "prestashop"
    BIGCOMMERCE = "bigcommerce"
    EBAY = "ebay"
    AMAZON = "amazon"
    META = "meta"
    PINTEREST = "pinterest"
    SHOPWARE = "shopware"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """``dead_link`` says what becomes of a product with a link that leads nowhere.

    ``options`` are those of an upload, where it gives none of its own. ``advice`` are sentences
    about the shop's own switches, and what it does to old pictures.
    """

    name: str
    rules: Sequence[Rule]
    dead_link: str
    dead_link_by: Source
    advice: Sequence[str]
    options: Mapping[str, Any]
    image_rules: Sequence[Rule] = field(init=False)
    link_rules: Sequence[Rule] = field(init=False)

    def __post_init__(self) -> None:
        of_links = [rule for rule in self.rules if rule.is_of_link]
        object.__setattr__(self, "link_rules", of_links)
        object.__setattr__(self, "image_rules", [r for r in self.rules if r not in of_links])


GITHUB = "https://github.com"
SHOPIFY = Source(
    "Shopify: product media types",
    "https://help.shopify.com/en/manual/products/product-media/product-media-types",
    LIKELY,
)
WOOCOMMERCE = Source(
    "WooCommerce: wc-rest-functions.php",
    f"{GITHUB}/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/wc-rest-functions.php",
    CERTAIN,
)
WORDPRESS = Source(
    "WordPress: wp_http_validate_url()",
    "https://developer.wordpress.org/reference/functions/wp_http_validate_url/",
    CERTAIN,
)
GOOGLE = Source(
    "Google Merchant Center: image_link",
    "https://support.google.com/merchants/answer/6324350",
    CERTAIN,
)
MAGENTO = Source(
    "Magento: CatalogImportExport/Model/Import/Uploader.php",
    f"{GITHUB}/magento/magento2/blob/2.4-develop"
    "/app/code/Magento/CatalogImportExport/Model/Import/Uploader.php",
    CERTAIN,
)
PRESTASHOP = Source(
    "PrestaShop: AdminImportController.php",
    f"{GITHUB}/PrestaShop/PrestaShop/blob/develop/controllers/admin/AdminImportController.php",
    CERTAIN,
)
BIGCOMMERCE = Source(
    "BigCommerce: create a product image, of the REST API",
    "https://developer.bigcommerce.com/docs/rest-catalog/products/images",
    LIKELY,
)
EBAY = Source(
    "eBay: PictureDetailsType",
    "https://developer.ebay.com/devzone/xml/docs/reference/ebay/types/PictureDetailsType.html",
    CERTAIN,
)
AMAZON = Source(
    "Amazon: technical image file requirements",
    "https://sellercentral.amazon.com/gp/help/external/G9FUUH87RBNXGKB7",
    LIKELY,
)
META = Source(
    "Meta: fields of a catalogue",
    "https://developers.facebook.com/docs/marketing-api/catalog/reference",
    LIKELY,
)
PINTEREST = Source(
    "Pinterest: before you get started with catalogs",
    "https://help.pinterest.com/en/business/article/before-you-get-started-with-catalogs",
    LIKELY,
)
SHOPWARE = Source(
    "Shopware: FileUrlValidator.php",
    f"{GITHUB}/shopware/shopware/blob/trunk/src/Core/Content/Media/File/FileUrlValidator.php",
    CERTAIN,
)


def unsure(source: Source) -> Source:
    """The same, for what it does not say itself."""
    return replace(source, certainty=HINT)


WITHOUT_IT = "where that is dead, the product is imported without this image."
# With a hash in its name another picture has another address, so no shop keeps an old one for it.
NAMED = {"names": "sku"}
WITH_ITS_PIXELS = {**NAMED, "keep_dimensions": True}
# Where WebP is refused. Not JPEG for all: transparent pixels would become white, drawings blurred.
CONVERTED = {"format": "compatible"}

SHOPS: dict[Target, Shop] = {
    Target.SHOPIFY: Shop(
        name="Shopify",
        rules=[
            rules.formats("png", "gif", "jpeg", "webp", by=SHOPIFY),
            rules.max_bytes(20, by=SHOPIFY),
            rules.max_pixels(25, by=SHOPIFY),
            rules.many_pixels(20, 25, by=SHOPIFY),
            rules.public_host(by=SHOPIFY),
        ],
        dead_link="Shopify may import the product without it where that is dead.",
        dead_link_by=unsure(SHOPIFY),
        advice=[
            "Tick “Overwrite products with matching handles”, or products that are there stay "
            "as they are.",
            "Import import.csv with all its columns: variants vanish where option columns are "
            "left out.",
            "Look at one product first: old pictures may stay beside the new ones.",
        ],
        options={**NAMED, "max_width": 4472, "max_height": 4472},  # 20 megapixels
    ),
    Target.WOOCOMMERCE: Shop(
        name="WooCommerce",
        rules=[
            rules.formats(
                *("jpeg", "png", "gif", "bmp", "tiff", "ico", "webp"),
                by=WOOCOMMERCE,
            ),
            rules.true_extension(by=WOOCOMMERCE),
            rules.ports(80, 443, 8080, by=WORDPRESS),
            rules.public_host(by=WORDPRESS),
        ],
        dead_link="WooCommerce refuses the whole product where that is dead.",
        dead_link_by=WOOCOMMERCE,
        advice=[
            "Tick “Update existing products”: rows are matched by ID or SKU.",
            "One link in a cell replaces the main picture and keeps the gallery; two or more "
            "replace the gallery; an empty cell changes nothing.",
            "A link that was imported before is not fetched again; names with a hash "
            "(names=sku) are new for each new picture.",
        ],
        options=NAMED,
    ),
    Target.GOOGLE: Shop(
        name="Google",
        rules=[
            rules.formats("jpeg", "webp", "png", "gif", "bmp", "tiff", by=GOOGLE),
            rules.true_extension(by=GOOGLE),
            rules.max_bytes(16, by=GOOGLE),
            rules.max_pixels(64, by=GOOGLE),
            rules.min_sides(500, by=GOOGLE, since="2027-01-31"),
            rules.max_url(2000, by=GOOGLE),
            rules.plain_links(by=GOOGLE),
            rules.public_host(by=GOOGLE),
        ],
        dead_link="Google may show no product whose image it cannot fetch.",
        dead_link_by=unsure(GOOGLE),
        advice=[
            "Let Google's crawler in: robots.txt of this service's address must not forbid it "
            "the images.",
            "A new link is fetched anew, which may take days; leave the old pictures where they "
            "are until then.",
        ],
        options={**WITH_ITS_PIXELS, "max_width": 8000, "max_height": 8000},  # 64 megapixels
    ),
    Target.MAGENTO: Shop(
        name="Magento",
        rules=[
            rules.formats("jpeg", "gif", "png", by=MAGENTO),
            rules.true_extension(by=MAGENTO),
            rules.public_host(by=unsure(MAGENTO)),
        ],
        dead_link=WITHOUT_IT,
        dead_link_by=MAGENTO,
        advice=[
            "The behaviour “Add/Update” adds the new pictures to the old ones: delete those "
            "first, or afterwards.",
            "base_image, small_image and thumbnail_image need the new link each.",
        ],
        options={**NAMED, **CONVERTED},
    ),
    Target.PRESTASHOP: Shop(
        name="PrestaShop",
        rules=[
            rules.formats("jpeg", "png", "gif", "webp", by=PRESTASHOP),
            rules.plain_links("%", by=PRESTASHOP),
            rules.public_host(by=unsure(PRESTASHOP)),
        ],
        dead_link=WITHOUT_IT,
        dead_link_by=PRESTASHOP,
        advice=[
            "The column “Delete existing images” must be 1, or the new pictures are added to the "
            "old ones.",
            "Choose “Force all ID numbers” or match by reference, so that products are "
            "updated, not made again.",
            "WebP is taken from PrestaShop 8 on.",
        ],
        options=NAMED,
    ),
    Target.BIGCOMMERCE: Shop(
        name="BigCommerce",
        rules=[
            rules.formats("jpeg", "png", "webp", "gif", "bmp", by=BIGCOMMERCE),
            rules.max_bytes(8, by=BIGCOMMERCE),
            rules.max_url(255, by=BIGCOMMERCE),
            rules.public_host(by=BIGCOMMERCE),
        ],
        dead_link="BigCommerce may refuse the product where that is dead.",
        dead_link_by=unsure(BIGCOMMERCE),
        advice=[
            "Choose to overwrite existing products, or those that are there are skipped.",
            "Look at one product first: old pictures may stay beside the new ones.",
        ],
        options=NAMED,
    ),
    Target.EBAY: Shop(
        name="eBay",
        rules=[
            rules.formats("avif", "bmp", "gif", "jpeg", "png", "tiff", "webp", by=EBAY),
            rules.max_bytes(12, by=EBAY),
            rules.min_longest_side(500, by=EBAY),
            rules.https_only(by=EBAY),
            rules.plain_links(";", by=EBAY),
            rules.max_images(24, by=EBAY),
            rules.public_host(by=EBAY),
        ],
        dead_link="eBay may block a listing whose picture it cannot fetch.",
        dead_link_by=unsure(EBAY),
        advice=[
            "Use the action Revise, with all pictures of the listing in the cell.",
            "Pictures hosted by eBay and links of your own do not go together in one listing.",
        ],
        options=WITH_ITS_PIXELS,
    ),
    Target.AMAZON: Shop(
        name="Amazon",
        rules=[
            rules.formats("jpeg", "tiff", "png", "gif", by=AMAZON),
            rules.still_gifs(by=unsure(AMAZON)),
            rules.min_longest_side(500, by=AMAZON),
            rules.max_longest_side(10_000, by=AMAZON),
            rules.public_host(by=AMAZON),
        ],
        dead_link="Amazon may suppress a product whose image it cannot fetch.",
        dead_link_by=unsure(AMAZON),
        advice=[
            "Choose a partial update, so that cells that are empty change nothing.",
            "Below 1,000 pixels on the longest side there is no zoom.",
            "The main image has a pure white background; transparent pixels may become black.",
        ],
        options={**WITH_ITS_PIXELS, **CONVERTED, "max_width": 10_000, "max_height": 10_000},
    ),
    Target.META: Shop(
        name="Meta",
        rules=[
            rules.formats("jpeg", "gif", "png", by=META),
            rules.max_bytes(8, by=META),
            rules.min_sides(500, by=META),
            rules.public_host(by=META),
        ],
        dead_link="Meta may go on with the old picture, or show none, where that is dead.",
        dead_link_by=unsure(META),
        advice=[
            "Meta keeps the old picture for hours, and for longer where the link stays the same.",
            "Do not put a time into the links: Meta may then stop fetching them.",
        ],
        options={**WITH_ITS_PIXELS, **CONVERTED},
    ),
    Target.PINTEREST: Shop(
        name="Pinterest",
        rules=[
            rules.formats("jpeg", "gif", "png", by=PINTEREST),
            rules.max_bytes(20, by=PINTEREST),
            rules.plain_links(",", by=PINTEREST),
            rules.public_host(by=PINTEREST),
        ],
        dead_link="Pinterest may make no Pin of a product whose image it cannot fetch.",
        dead_link_by=unsure(PINTEREST),
        advice=["The data source is read once a day: new pictures are seen after the next time."],
        options={**NAMED, **CONVERTED},
    ),
    Target.SHOPWARE: Shop(
        name="Shopware",
        rules=[
            rules.formats("jpeg", "png", "webp", "avif", "gif", "bmp", "tiff", by=SHOPWARE),
            rules.unique_names(by=SHOPWARE),
            rules.public_host(by=SHOPWARE),
        ],
        dead_link="Shopware may skip the row where that is dead.",
        dead_link_by=unsure(SHOPWARE),
        advice=[
            "A link that was imported before is skipped, and so is a file name that the media "
            "library has; names with a hash (names=sku) are new for each new picture.",
        ],
        options=NAMED,
    ),
}
