"""Which page numbers a long list offers."""

_NEIGHBOURS = 1


def list_pages(page: int, pages: int) -> list[int | None]:
    """The first, the last and those around `page`; None where numbers are left out."""
    near = range(page - _NEIGHBOURS, page + _NEIGHBOURS + 1)
    shown = sorted({1, pages, *(number for number in near if 1 <= number <= pages)})
    numbers: list[int | None] = []
    for number in shown:
        previous = numbers[-1] if numbers else None
        if previous and number - previous == 2:
            numbers.append(number - 1)
        elif previous and number - previous > 2:
            numbers.append(None)
        numbers.append(number)
    return numbers
