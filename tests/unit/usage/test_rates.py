from decimal import Decimal

from weir.usage.rates import Rates


def test_each_kind_of_token_is_paid_once() -> None:
    rates = Rates(Decimal(3), Decimal("0.3"), Decimal("3.75"), Decimal(15))
    assert rates.price(10_000, 7_000, 2_000, 200) * 1_000_000 == 1_000 * 3 + 2_100 + 7_500 + 3_000
