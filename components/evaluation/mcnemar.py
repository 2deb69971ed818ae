"""Does the candidate lose answers that the champion had right? Exact tests on the same rows."""

from collections.abc import Sequence


def regression_p(lost: int, gained: int) -> float:
    """One-sided exact McNemar test: the chance of so many losses if both were equally good.

    Of the rows on which exactly one of the two is right, each side wins half if neither is better,
    so the losses are binomial (McNemar, 1947; the exact form is the sign test).

    Args:
        lost: rows that the champion has right and the candidate wrong.
        gained: rows that the candidate has right and the champion wrong.

    Returns:
        P(Binomial(lost + gained, 1/2) >= lost).

    Raises:
        ValueError: a count is negative.
    """
    from scipy.special import bdtrc

    if lost < 0 or gained < 0:
        raise ValueError("counts of rows cannot be negative")
    if lost == 0:
        return 1.0
    return float(bdtrc(lost - 1, lost + gained, 0.5))


def holm(values: Sequence[float]) -> list[float]:
    """P values adjusted so that the chance of any false alarm among them stays below the level.

    Holm's step-down method (Holm, 1979); valid under any dependence.
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted
