from components.report.plot import log_scale


def ticks(low: int, high: float) -> list[str]:
    return [text for _, text in log_scale(low, high).ticks]


def test_a_log_scale_has_about_five_powers_of_ten() -> None:
    assert ticks(-3, 3.5) == ["10⁻³", "0.01", "0.1", "1", "10", "100", "1000"]
    assert ticks(-7, 13) == ["10⁻⁴", "1", "10⁴", "10⁸", "10¹²"]


def test_a_log_scale_of_any_length_has_few_ticks() -> None:
    """An e-value may be any power of ten that a record says."""
    assert len(ticks(-1, 1e15)) <= 7
    assert len(ticks(-(10**15), 1.0)) <= 7
