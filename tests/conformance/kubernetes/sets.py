"""Which overlays and components go together: the one table, which docs/kubernetes.md repeats."""

from collections.abc import Mapping
from dataclasses import dataclass

OVERLAYS = ("small", "ha", "production")


@dataclass(frozen=True)
class Set:
    overlay: str
    components: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join([self.overlay, *self.components])


# Component → the overlays that one may add it to; those that an overlay has already are not here.
FOR: Mapping[str, tuple[str, ...]] = {}
# Sets of several components that the documentation names.
DOCUMENTED: tuple[Set, ...] = ()
SETS = (
    *(Set(overlay) for overlay in OVERLAYS),
    *(Set(overlay, (component,)) for component, overlays in FOR.items() for overlay in overlays),
    *DOCUMENTED,
)
